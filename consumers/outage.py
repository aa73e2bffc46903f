"""A log that does not answer, as the operator is told of it."""

import logging
import time

from dwell.errors import LogUnavailable

AGAIN_SECONDS = 60.0
"""How often it is said while it lasts."""

logger = logging.getLogger(__name__)


class Outage:
    """Says that the log does not answer: at first, now and then, and when it is over.

    Attributes:
        lasts: whether the log has not answered since it was met.
    """

    def __init__(self) -> None:
        self.lasts = False
        self._say_at = 0.0

    def met(self, error: LogUnavailable) -> None:
        """The log did not answer."""
        now = time.monotonic()
        if not self.lasts or now >= self._say_at:
            self._say_at = now + AGAIN_SECONDS
            logger.warning("the log does not answer, trying again: %s", error)
        self.lasts = True

    def over(self) -> None:
        """The log has answered."""
        if self.lasts:
            self.lasts = False
            logger.warning("the log answers again")
