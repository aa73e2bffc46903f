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
    if not any(isinstance(each, _Quiet) for each in client.handlers):
        client.addHandler(_Quiet(logging.WARNING))
        client.propagate = False


class Seldom:
    """Knows what was said lately."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def allows(self, text: str) -> bool:
        """Whether nothing like it was said lately; then it counts as said. Numbers make no difference."""
        like = re.sub(r"\d+", "0", text)[:200]
        now = time.monotonic()
        if now - self._said.get(like, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        recent = {each: at for each, at in self._said.items() if now - at < AGAIN_SECONDS}
        self._said = recent | {like: now}
        return True


class _Quiet(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._seldom = Seldom()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what was not said lately, and name a reason that has no words of its own."""
        text = record.getMessage().rstrip()
        if text.endswith(":") and isinstance(record.args, tuple):
            text = f"{text} {type(record.args[-1]).__name__}"
        if self._seldom.allows(text):
            logger.warning("Kafka: %s", text)
