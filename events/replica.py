"""A replica: a log that is made as the copy of another one, offset by offset.

A record has the same partition and the same offset in both, so that whatever was read of the one can be
read on from the other; but for several partitions that come into one (`Begun.merges`). What the copy has
is what says how far it has come: whoever goes on after a kill asks it, and nothing else has to be
remembered.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dwell.events.log import Batch
from dwell.settings import Settings


@dataclass(frozen=True, slots=True)
class Begun:
    """How far a copy has come.

    Attributes:
        positions: by partition of the source, the offset from which it goes on.
        merges: whether several partitions come into one: then offsets are others than in the source.
        checked: whether the log itself says that it is a copy of this source; else what it holds has to be
            compared.
    """

    positions: Mapping[int, int]
    merges: bool
    checked: bool


class Replica(ABC):
    """The log that is written. Nobody else appends to it, or the copy is given up."""

    @abstractmethod
    async def found(self, source: str, partitions: Sequence[int]) -> Begun:
        """How far it has come, as it was found. A log that is not there is made, and nothing else changed.

        Args:
            source: the identity of the log that is copied.
            partitions: those of the source that hold anything.

        Raises:
            LogMismatch: it cannot be a copy of that log.
            LogUnavailable: it does not answer.
        """

    @abstractmethod
    async def claim(self, source: str, begun: Begun) -> None:
        """Let nobody else append to it from now on, if it can be kept from it.

        Args:
            begun: as it was found.
        """

    @abstractmethod
    async def skip(self, partition: int, until: int) -> None:
        """Begin at this offset: the source has nothing before it. Again does no harm.

        Raises:
            LogError: as `append`.
        """

    @abstractmethod
    async def append(self, partition: int, batches: Sequence[Batch], until: int) -> None:
        """Append the source's next records of a partition, of which there are no others before `until`;
        durable when it returns, each once.

        Raises:
            LogMismatch: somebody else has appended to the log.
            LogUnavailable: it failed; how far it has come is asked with `found`.
        """

    @abstractmethod
    async def open(self) -> None:
        """Let it take facts from now on: it is a copy no longer."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the log."""


def open_replica(settings: Settings) -> Replica:
    """The log of these settings, to be made as a copy. Nothing is opened before its first use.

    Raises:
        SettingInvalid: a file that the settings name for Kafka cannot be used.
    """
    if settings.kafka_servers:
        from dwell.events.kafka.connection import Connection
        from dwell.events.kafka.replica import KafkaReplica
        from dwell.events.kafka.topic import Plan

        return KafkaReplica(Connection.of(settings), Plan.of(settings))
    from dwell.events.embedded_replica import EmbeddedReplica

    return EmbeddedReplica(settings.embedded_log)
