"""What the operator hears of refusals that point to a wrong set-up."""

import logging
import time
from collections.abc import Callable

from dwell.schemas.refusals import Reason
from dwell.site.collector.refusals import Cause

PAUSE_SECONDS = 60
"""Between two lines of one cause."""

logger = logging.getLogger(__name__)

_INVALID = (
    "some facts are refused: %s; the answer names the field, to a page's browser or to the server"
)
LINES: dict[Cause | Reason, str] = {
    Cause.OTHER_ORIGIN: "requests are refused with 403: %s; "
    "is a page's origin missing in DWELL_ALLOWED_ORIGINS, or a proxy in DWELL_TRUSTED_PROXIES?",
    Cause.RATE: "requests are refused with 429: %s; is DWELL_RATE_LIMIT too low, "
    "does a proxy that is missing in DWELL_TRUSTED_PROXIES make many clients one, "
    "or does a server try keys that are not known?",
    Cause.UNKNOWN_KEY: "requests of servers are refused with 401: %s; "
    "is a key missing in DWELL_API_KEYS?",
    **dict.fromkeys(Reason, _INVALID),
}
"""A line for each cause that is told. It has room for the cause alone: nothing of the request."""


class Notices:
    """Logs the first refusal of a cause, and then one a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_until: dict[Cause | Reason, float] = {}

    def refused(self, cause: Cause | Reason) -> None:
        """Log a line if the cause has one and it is time for it."""
        line = LINES.get(cause)
        if line is None:
            return
        now = self._clock()
        if now >= self._silent_until.get(cause, now):
            self._silent_until[cause] = now + PAUSE_SECONDS
            logger.warning(line, cause)
