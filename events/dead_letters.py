"""The dead-letter topic: where records that could not be read go for others to see.

Not part of the log: nothing here is read by Dwell again, and a topic that does not answer delays
nobody.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 15 * 2**20
"""Bytes of a value that is forwarded at most. A larger one stands in the warehouse alone."""

_JUDGE = "dwell.consumers.judge"
_ERROR = "dwell.schemas.refusals.Refusal"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of the log that could not be read.

    Attributes:
        key: as it was; None if it is not known.
        value: as it was.
        timestamp: the record's, milliseconds since 1970 in UTC.
        reason: why, from the closed set of reasons.
        detail: what was found, and what would be right.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    timestamp: int
    reason: str
    detail: str


class DeadLetterTopic(ABC):
    """The appending side of the topic."""

    @abstractmethod
    async def forward(self, letters: Sequence[DeadLetter]) -> None:
        """Send the letters and return when they are durable. Takes a bounded time.

        It may be cancelled; then, as after an error, some may have been sent. Sending them again
        does no harm but the repetition.

        Raises:
            LogUnavailable: the topic failed or did not answer in time.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the topic."""


def headers_of(letter: DeadLetter, topic: str) -> list[tuple[str, bytes]]:
    """What is said about a letter, under the names that Kafka Connect gives it, as text in UTF-8.

    A judge of values stands where Connect has a converter, and there is no trace of a stack, only
    the line that it would begin with: a refusal is an answer here, no accident.

    Args:
        topic: the one it was read from.
    """
    message = f"{letter.reason}: {letter.detail}"
    said = {
        "topic": topic,
        "partition": str(letter.partition),
        "offset": str(letter.offset),
        "connector.name": "dwell",
        "task.id": "0",
        "stage": "VALUE_CONVERTER",
        "class.name": _JUDGE,
        "exception.class.name": _ERROR,
        "exception.message": message,
        "exception.stacktrace": f"{_ERROR}: {message}\n",
    }
    # A lone surrogate of the record may be quoted in the detail, and UTF-8 has none.
    return [
        (f"__connect.errors.{name}", text.encode(errors="backslashreplace"))
        for name, text in said.items()
    ]
