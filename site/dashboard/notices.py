"""What the operator hears: a line for each kind of trouble, and one a minute of it at most."""

import logging
import time
from collections.abc import Callable

PAUSE_SECONDS = 60
"""Between two lines of one kind."""

logger = logging.getLogger(__name__)


class Notices:
    """Says a thing, unless it was said a moment ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_until: dict[str, float] = {}

    def say(self, kind: str, line: str) -> None:
        """Log the line as a warning."""
        now = self._clock()
        if now >= self._silent_until.get(kind, now):
            self._silent_until[kind] = now + PAUSE_SECONDS
            logger.warning(line)
