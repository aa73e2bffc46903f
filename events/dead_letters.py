"""The dead-letter topic: where records that could not be read go for others to see.

Not part of the log: nothing here is read by Dwell again, and a topic that does not answer delays
nobody.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from dwell.errors import LogUnavailable

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

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset of the record."""
        return self.partition, self.offset


@dataclass(slots=True)
class Outcome:
    """What became of letters, each by its place. One that is in neither set may be sent again.

    Attributes:
        durable: those that the topic has.
        refused: those that it does not take as it is, and why.
        trouble: why nothing is known of the others, if there are any.
    """

    durable: set[tuple[int, int]] = field(default_factory=set)
    refused: dict[tuple[int, int], str] = field(default_factory=dict)
    trouble: LogUnavailable | None = None


class DeadLetterTopic(ABC):
    """The appending side of the topic."""

    @abstractmethod
    async def forward(self, letters: Sequence[DeadLetter]) -> Outcome:
        """Send the letters and say letter by letter what became of them. Takes a bounded time.

        One that is refused keeps no other one back. It may be cancelled; then, as after trouble,
        some may have been sent. Sending them again does no harm but the repetition.
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
