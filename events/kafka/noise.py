"""What aiokafka says of itself: every failed attempt, ten times a second while a broker is away."""

import logging
import re
import time

AGAIN_SECONDS = 60.0
"""How long the same is not said once more."""

logger = logging.getLogger(__name__)


def quiet() -> None:
    """Say what aiokafka warns of once a minute each. For processes of Dwell's own: an application
    that Dwell is mounted in may use aiokafka itself."""
    client = logging.getLogger("aiokafka")
    if not any(isinstance(each, _Seldom) for each in client.handlers):
        client.addHandler(_Seldom(logging.WARNING))
        client.propagate = False


class _Seldom(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what was not said lately; numbers make no difference."""
        text = record.getMessage()
        like = re.sub(r"\d+", "0", text)[:200]
        now = time.monotonic()
        if now - self._said.get(like, -AGAIN_SECONDS) >= AGAIN_SECONDS:
            self._said = {
                each: at for each, at in self._said.items() if now - at < AGAIN_SECONDS
            } | {like: now}
            logger.warning("%s", text)
