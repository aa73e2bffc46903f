"""How often an address may try passwords."""

import math
import time
from collections import OrderedDict
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
OTHERS = "others"
"""The bucket of all whose own has no place."""


class Tries:
    """A bucket of `AT_ONCE` tries for each address, an IPv4 address or a /64 of IPv6, and of `WIDE_AT_ONCE`
    for each /48; one comes back every `SECONDS`, and all with the right password.

    A bucket is kept as the moment at which it will be full again, until then. Where there is place for no
    more of them, whoever has none shares one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_again: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str | None) -> None:
        """Take a try, before the password is looked at.

        Raises:
            Refused: there is none left; `Retry-After` says when there is.
        """
        now = self._clock()
        self._let_go(now)
        taken = {}
        for client, at_once in _buckets(address):
            bucket = client if client in self._full_again or self._has_place() else OTHERS
            taken[bucket] = max(self._full_again.get(bucket, now), now) + SECONDS
            wait = taken[bucket] - now - at_once * SECONDS
            if wait > 1e-6:
                raise Refused(
                    Cause.TOO_MANY_TRIES,
                    "too many wrong passwords came from this address: try again in"
                    f" {math.ceil(wait)} s",
                    {"retry-after": str(math.ceil(wait))},
                )
        for bucket, full_again in taken.items():
            self._full_again[bucket] = full_again
            self._full_again.move_to_end(bucket)

    def give_back(self, address: str | None) -> None:
        """The password was right."""
        for client, _ in _buckets(address):
            self._full_again.pop(client, None)

    def _has_place(self) -> bool:
        return len(self._full_again) < MOST_CLIENTS

    def _let_go(self, now: float) -> None:
        """Of those that were not used for longest, whose buckets are full again."""
        while self._full_again:
            client, full_again = next(iter(self._full_again.items()))
            if full_again > now:
                return
            del self._full_again[client]


def _buckets(address: str | None) -> Iterator[tuple[str, int]]:
    """Those that a try is taken from, and how many tries each has."""
    client = client_of(address or "", exempt_loopback=False) or ""
    yield client, AT_ONCE
    if client.endswith("/64"):
        yield str(IPv6Network(client).supernet(new_prefix=48)), WIDE_AT_ONCE
