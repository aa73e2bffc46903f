"""How often an address may try passwords."""

import math
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv6Network

from dwell.site.collector.rate import client_of
from dwell.site.dashboard.refusals import Cause, Refused

AT_ONCE = 5
"""Wrong passwords from one address, one after the other."""
WIDE_AT_ONCE = 20
"""From one /48 of IPv6, of which one client may have all: it has 65,536 addresses in the sense of the other."""
SECONDS = 30.0
"""After which it may try once more."""
MOST_CLIENTS = 10_000


class Tries:
    """A bucket of `AT_ONCE` tries for each address, an IPv4 address or a /64 of IPv6, and of `WIDE_AT_ONCE`
    for each /48; one comes back every `SECONDS`, and all with the right password.

    A bucket is kept as the moment at which it will be full again, until then. Where there is place for no
    more of them, whoever has none shares one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_again: dict[str, float] = {}

    def take(self, address: str | None) -> None:
        """Take a try, before the password is looked at.

        Raises:
            Refused: there is none left; `Retry-After` says when there is.
        """
        now, taken = self._clock(), {}
        for name, at_once in _buckets(address):
            bucket = self._place_of(name, at_once, now)
            taken[bucket] = max(self._full_again.get(bucket, now), now) + SECONDS
            wait = taken[bucket] - now - at_once * SECONDS
            if wait > 1e-6:
                raise Refused(
                    Cause.TOO_MANY_TRIES,
                    "too many wrong passwords came from this address: try again in"
                    f" {math.ceil(wait)} s",
                    {"retry-after": str(math.ceil(wait))},
                )
        self._full_again |= taken

    def give_back(self, address: str | None) -> None:
        """The password was right."""
        for name, at_once in _buckets(address):
            if self._full_again.pop(name, None) is None:
                shared = _shared(at_once)
                self._full_again[shared] = self._full_again.get(shared, 0.0) - SECONDS

    def _place_of(self, name: str, at_once: int, now: float) -> str:
        if name in self._full_again:
            return name
        if len(self._full_again) >= MOST_CLIENTS:
            left = {each: full for each, full in self._full_again.items() if full > now}
            self._full_again = left
        return name if len(self._full_again) < MOST_CLIENTS else _shared(at_once)


def _shared(at_once: int) -> str:
    """The bucket of all whose own, of that size, has no place."""
    return f"others, {at_once} at once"


def _buckets(address: str | None) -> Iterator[tuple[str, int]]:
    """Those that a try is taken from, and how many tries each has."""
    client = client_of(address or "", exempt_loopback=False) or ""
    yield client, AT_ONCE
    if client.endswith("/64"):
        yield str(IPv6Network(client).supernet(new_prefix=48)), WIDE_AT_ONCE
