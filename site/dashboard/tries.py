"""How often an address may try passwords."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from dwell.site.collector.rate import client_of
from dwell.site.dashboard.refusals import Cause, Refused

AT_ONCE = 5
"""Wrong passwords from one address, one after the other."""
SECONDS = 30.0
"""After which it may try once more."""
MOST_CLIENTS = 10_000


class Tries:
    """A bucket of `AT_ONCE` tries for each address, an IPv4 address or a /64 of IPv6; one comes back
    every `SECONDS`, and all with the right password.

    A bucket is kept as the moment at which it will be full again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_again: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str | None) -> None:
        """Take a try, before the password is looked at.

        Raises:
            Refused: there is none left; `Retry-After` says when there is.
        """
        client, now = _client(address), self._clock()
        full_again = max(self._full_again.get(client, now), now) + SECONDS
        wait = full_again - now - AT_ONCE * SECONDS
        if wait > 1e-6:
            raise Refused(
                Cause.TOO_MANY_TRIES,
                f"too many wrong passwords came from this address: try again in {math.ceil(wait)} s",
                {"retry-after": str(math.ceil(wait))},
            )
        self._full_again[client] = full_again
        self._full_again.move_to_end(client)
        if len(self._full_again) > MOST_CLIENTS:
            self._full_again.popitem(last=False)

    def give_back(self, address: str | None) -> None:
        """The password was right."""
        self._full_again.pop(_client(address), None)


def _client(address: str | None) -> str:
    return client_of(address or "", exempt_loopback=False) or ""
