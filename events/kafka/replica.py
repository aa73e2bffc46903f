"""A topic as the copy of another log: what a partition holds is a prefix of the source's partition.

A broker counts offsets by itself, from 0 and without gaps. So where the source has a gap, empty records
stand in the copy, which readers pass over as what was erased; and of each batch it is looked whether it
has come to stand at its offsets.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from dwell.errors import LogMismatch
from dwell.events.kafka.connection import Connection
from dwell.events.kafka.reader import KafkaReader
from dwell.events.kafka.topic import Plan, Topic
from dwell.events.kafka.writer import BATCH_BYTES, COMPRESSION, OPEN_SECONDS, abandon
from dwell.events.log import Batch
from dwell.events.replica import Begun, Replica

SETTLED_SECONDS = 1.0
"""How long the ends stand still before a copy goes on: a batch of a process that was killed may be on its
way to the broker still."""
ANSWER_SECONDS = 30.0
"""How long a batch may take to be acknowledged; a change of leader is ridden out."""

Row = tuple[int, bytes, bytes]
"""Timestamp, key and value."""


class KafkaReplica(Replica):
    """The topic. It may have more partitions than the source: these stay empty."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._topic = Topic(connection, plan)
        self._reader = KafkaReader(connection, plan, "dwell-log-copy")
        self._producer: Any = None
        self._ends: dict[int, int] = {}
        self._latest: dict[int, int] = {}

    async def found(self, source: str, partitions: Sequence[int]) -> Begun:
        """As the contract says."""
        known = await self._reader.partitions()
        missing = sorted({*partitions} - {*known})
        if missing:
            raise LogMismatch(
                f"{self._connection.name} has {len(known)} partitions, and log {source} has partition"
                f" {missing[0]} too: expected at least as many; DWELL_TOPIC_PARTITIONS says how many a"
                " topic gets that has to be made"
            )
        await self._refuse_others(sorted({*known} - {*partitions}), source)
        self._ends = await self._settled(partitions)
        return Begun(dict(self._ends), merges=False, checked=False)

    async def claim(self, source: str, begun: Begun) -> None:
        """As the contract says; nobody can be kept from appending to a topic."""

    async def skip(self, partition: int, until: int) -> None:
        """As the contract says: the offsets before are filled, and deleted again."""
        await self.append(partition, [], until)
        if await self._reader.start(partition) < until:
            place = TopicPartition(self._connection.topic, partition)
            async with self._connection.answering(ANSWER_SECONDS):
                await self._topic.delete({place: RecordsToDelete(before_offset=until)})

    async def append(self, partition: int, batches: Sequence[Batch], until: int) -> None:
        """As the contract says."""
        await self._open_producer()
        builder, many = self._producer.create_batch(), 0
        for timestamp, key, value in self._rows(partition, batches, until):
            if builder.append(key=key, value=value, timestamp=timestamp) is None:
                await self._send(partition, builder, many)
                builder, many = self._producer.create_batch(), 0
                builder.append(key=key, value=value, timestamp=timestamp)
            many += 1
        if many:
            await self._send(partition, builder, many)

    async def open(self) -> None:
        """As the contract says; a topic takes facts at any time."""

    async def close(self) -> None:
        """As the contract says."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(producer)
        await asyncio.gather(self._reader.close(), self._topic.close())

    async def _settled(self, partitions: Sequence[int]) -> dict[int, int]:
        """The ends, when they stand still."""
        ends = await self._asked(partitions)
        while any(ends.values()):
            await asyncio.sleep(SETTLED_SECONDS)
            before, ends = ends, await self._asked(partitions)
            if ends == before:
                break
        return ends

    async def _asked(self, partitions: Sequence[int]) -> dict[int, int]:
        return {each: await self._reader.end(each) for each in partitions}

    async def _refuse_others(self, partitions: Sequence[int], source: str) -> None:
        """Let nothing be in the partitions that the source has not."""
        for each, end in (await self._asked(partitions)).items():
            if end:
                raise LogMismatch(
                    f"{self._connection.name} has {end} records in partition {each}, which log {source}"
                    " has not: expected an empty topic, or one that holds nothing but a copy of it"
                )

    def _rows(self, partition: int, batches: Sequence[Batch], until: int) -> Iterator[Row]:
        """What is to follow in the topic, offset by offset."""
        at, latest = self._ends[partition], self._latest.get(partition, 0)
        for batch in batches:
            rows = zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
            for offset, timestamp, key, value in rows:
                for _ in range(at, offset):
                    yield latest or timestamp, b"", b""
                yield timestamp, key, value
                at, latest = offset + 1, timestamp
        for _ in range(at, until):
            yield latest, b"", b""
        self._latest[partition] = latest

    async def _send(self, partition: int, builder: Any, many: int) -> None:
        """Send a batch, and see that it stands where it belongs.

        Raises:
            LogMismatch: somebody else's records stand there.
            LogUnavailable: whether it was appended is unknown.
        """
        builder.close()
        expected = self._ends[partition]
        async with self._connection.answering(ANSWER_SECONDS):
            sent = await self._producer.send_batch(
                builder, self._connection.topic, partition=partition
            )
            found = int((await sent).offset)
        if found < 0:  # the broker had it already, and does not say where
            found = await self._reader.end(partition) - many
        if found != expected:
            raise LogMismatch(
                f"{self._connection.name} has offset {found} of partition {partition} where {expected} was"
                " expected: something else was appended to it, and it is no copy any more; delete the topic"
                " and copy again, with nobody else who appends to it"
            )
        self._ends[partition] += many

    async def _open_producer(self) -> None:
        if self._producer is not None:
            return
        producer = AIOKafkaProducer(
            **self._connection.options,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            compression_type=COMPRESSION,
        )
        try:
            async with self._connection.answering(OPEN_SECONDS):
                await producer.start()
        except BaseException:
            await abandon(producer)
            raise
        self._producer = producer
