"""A log that does not answer, or the dead letters' topic, as the operator is told of it."""

import logging
import time

from dwell.errors import LogUnavailable

AGAIN_SECONDS = 60.0
"""How often it is said while it lasts."""

logger = logging.getLogger(__name__)


class Outage:
    """Says that the log does not answer: at first, now and then, and when it is over.

    Args:
        lasting: what is said while it lasts.
        over: what is said when it is over.

    Attributes:
        lasts: whether the log has not answered since it was met.
    """

    def __init__(
        self, lasting: str = "the log does not answer", over: str = "the log answers again"
    ) -> None:
        self.lasts = False
        self._lasting = lasting
        self._over = over
        self._say_at = 0.0

    def met(self, error: LogUnavailable) -> None:
        """The log did not answer."""
        now = time.monotonic()
        if not self.lasts or now >= self._say_at:
            self._say_at = now + AGAIN_SECONDS
            logger.warning("%s, trying again: %s", self._lasting, error)
        self.lasts = True

    def over(self) -> None:
        """The log has answered."""
        if self.lasts:
            self.lasts = False
            logger.warning("%s", self._over)
