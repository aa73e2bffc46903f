"""The rate limit: a token bucket for each client address."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address

from dwell.site.collector.refusals import Cause, Refused
from dwell.site.collector.request import Request, parsed

BURST = 10
"""Seconds' worth of requests that an idle client may send at once."""
MOST_CLIENTS = 100_000
"""Addresses that are remembered, about 20 MB; beyond them the one longest silent is forgotten."""
FORGOTTEN = 1_000
"""Addresses that one request may clear away: 0.1 ms."""


class RateLimit:
    """Admits `per_second` requests a second from each client, and bursts of ten times that.

    A bucket is kept as the one moment at which it will be full again (the generic cell rate
    algorithm, ITU-T I.371), so a client costs one number, and none once its bucket is full.
    """

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._depth = max(BURST, self._interval)
        self._clock = clock
        self._most_clients = most_clients
        self._full_again: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._full_again)

    def admit(self, request: Request) -> None:
        """Take a token from the client's bucket.

        Raises:
            Refused: there is none; with `Retry-After`.
        """
        if request.address is None or not self._interval:
            return
        client = client_of(request.address, not request.forwarded)
        if client is None:
            return
        now = self._clock()
        self._forget(now)
        full_again = max(self._full_again.pop(client, now), now) + self._interval
        wait = full_again - now - self._depth
        # What binary fractions lose in thousands of additions must not cost a token.
        if wait > 1e-6:
            self._full_again[client] = full_again - self._interval
            raise Refused(
                Cause.RATE,
                f"more than {1 / self._interval:g} requests a second came from this address",
                headers=((b"retry-after", b"%d" % math.ceil(wait)),),
            )
        self._full_again[client] = full_again
        if len(self._full_again) > self._most_clients:
            self._full_again.popitem(last=False)

    def _forget(self, now: float) -> None:
        """Drop the longest silent clients whose bucket is full."""
        buckets = self._full_again
        for _ in range(min(FORGOTTEN, len(buckets))):
            if buckets[next(iter(buckets))] > now:
                return
            buckets.popitem(last=False)


@lru_cache(maxsize=4096)
def client_of(text: str, exempt_loopback: bool = True) -> str | None:
    """What shares a bucket: an IPv4 address, a /64 of IPv6. Those of late are known.

    Args:
        exempt_loopback: loopback is `None`, never limited. Not where a proxy told the address:
            it may have it from the client.
    """
    address = parsed(text)
    if address is None:
        return text
    if exempt_loopback and address.is_loopback:
        return None
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
