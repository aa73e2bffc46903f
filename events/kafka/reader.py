"""The reading side: partitions assigned by hand, positions given by who reads, no group."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from dwell.errors import LogMismatch, LogUnavailable
from dwell.events.kafka.connection import REQUEST_SECONDS, Connection, find_again, let_go
from dwell.events.kafka.progress import Progress
from dwell.events.kafka.topic import Plan, Topic
from dwell.events.log import Batch, LogReader, Retention, refuse_misfit

ANSWER_SECONDS = 2 * REQUEST_SECONDS
"""How long a question may take: one request that is lost, and one that is answered."""
FETCH_WAIT_SECONDS = 0.5
"""How long a broker waits for a record before it answers that there is none."""
SILENCE_SECONDS = 5.0
"""A partition whose leader has not even said that for so long is reported."""
PARTITION_FETCH_BYTES = 4 * 2**20
FETCH_BYTES = 16 * 2**20
"""Bytes of records in one answer at most, as they are on the wire."""


class KafkaReader(LogReader):
    """Reads the topic. Nothing is connected before the first question.

    Only records of finished transactions are read, should a foreign producer use them; what it took
    back leaves a gap.

    Questions go over a connection of their own: a broker answers one after the other, and on the one
    that fetches each would wait FETCH_WAIT_SECONDS for records to come.
    """

    def __init__(self, connection: Connection, plan: Plan | None, group: str) -> None:
        """Without a plan a topic that is missing is not made."""
        self._connection = connection
        self._topic = Topic(connection, plan)
        self._progress = Progress(connection, group)
        self._consumer: Any = None
        self._asker: Any = None
        self._opening = asyncio.Lock()
        self._positions: dict[TopicPartition, int] = {}
        self._heard: dict[TopicPartition, tuple[int | None, float]] = {}
        self._identity: str | None = None
        self._is_unsure = False

    async def identity(self) -> str:
        """As the contract says: the cluster's id and the topic."""
        async with self._connection.answering(ANSWER_SECONDS):
            found = await self._topic.identity()
        self._identity = self._identity or found
        return found

    async def partitions(self) -> list[int]:
        """As the contract says."""
        async with self._connection.answering(ANSWER_SECONDS):
            return await self._topic.partitions()

    async def retention(self) -> Retention:
        """As the contract says, by the topic's own settings.

        Raises:
            LogUnavailable: the brokers do not say, for one because this client may not ask.
        """
        async with self._connection.answering(ANSWER_SECONDS):
            try:
                return await self._topic.retention()
            except (LookupError, TypeError, ValueError) as error:
                raise LogUnavailable(
                    f"{self._connection.name} does not say how long it keeps records: {error!r}"
                ) from error

    async def ahead(self) -> float | None:
        """As the contract says.

        Raises:
            LogUnavailable: as `retention`.
        """
        async with self._connection.answering(ANSWER_SECONDS):
            try:
                return await self._topic.ahead()
            except (TypeError, ValueError) as error:
                raise LogUnavailable(
                    f"{self._connection.name} does not say which times it takes: {error!r}"
                ) from error

    async def start(self, partition: int) -> int:
        """As the contract says."""
        return (await self.bounds([partition]))[partition][0]

    async def end(self, partition: int) -> int:
        """As the contract says; records of a transaction that is not finished lie beyond it."""
        return (await self.bounds([partition]))[partition][1]

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """As the contract says.

        Raises:
            LogMismatch: there is no such partition.
        """
        places = [self._place(each) for each in partitions]
        if not places:
            return {}
        asker = await self._asking()
        await self._refuse_another()
        async with self._connection.answering(ANSWER_SECONDS):
            known = await self._topic.partitions()
            for place in places:
                if place.partition not in known:
                    raise LogMismatch(
                        f"partition {place.partition} is not in {self._connection.name}: "
                        f"expected 0 to {known[-1]}"
                    )
            starts, ends = await asyncio.gather(
                asker.beginning_offsets(places), asker.end_offsets(places)
            )
        return {each.partition: (starts[each], ends[each]) for each in places}

    async def offset_at(self, partition: int, timestamp: int) -> int:
        """As the contract says."""
        place = self._place(partition)
        asker = await self._asking()
        async with self._connection.answering(ANSWER_SECONDS):
            found = (await asker.offsets_for_times({place: timestamp}))[place]
        return await self.end(partition) if found is None else int(found.offset)

    async def assign(self, positions: Mapping[int, int]) -> None:
        """As the contract says."""
        bounds = await self.bounds(positions)
        for partition, position in positions.items():
            start, end = bounds[partition]
            refuse_misfit(self._connection.name, partition, position, start=start, end=end)
        consumer = await self._reading()
        self._positions = {self._place(each): offset for each, offset in positions.items()}
        self._heard = {}
        consumer.assign(list(self._positions))
        self._seek()

    async def read(self, most: int, wait: float) -> list[Batch]:
        """As the contract says."""
        if not self._positions:
            await asyncio.sleep(wait)
            return []
        try:
            found = await self._consumer.getmany(timeout_ms=int(1000 * wait), max_records=most)
        except OffsetOutOfRangeError:
            await self._refuse_gap()
            return []
        except KafkaError as error:
            self._seek()
            raise self._connection.explained(error) from error
        try:
            await self._refuse_another()
        except LogUnavailable:
            self._seek()
            raise
        batches = [_batch(place.partition, records) for place, records in found.items()]
        for batch in batches:
            self._positions[self._place(batch.partition)] = batch.next_offset
        if not batches:
            self._refuse_silence()
        return batches

    async def position(self, partition: int) -> int:
        """As the contract says."""
        place = self._place(partition)
        return max(self._positions[place], int(await self._consumer.position(place)))

    def report(self, positions: Mapping[int, int]) -> None:
        """As the contract says: as the committed offsets of the consumer group."""
        self._progress.report({self._place(each): offset for each, offset in positions.items()})

    async def close(self) -> None:
        """As the contract says."""
        consumers = [each for each in (self._consumer, self._asker) if each is not None]
        self._consumer = self._asker = None
        await asyncio.gather(self._progress.close(), self._topic.close(), *map(let_go, consumers))

    async def _reading(self) -> Any:
        """The consumer that fetches. A broker that is slow has time for this alone: what is open then stays
        so, and the next question is answered the sooner."""
        async with self._opening, self._connection.answering(ANSWER_SECONDS):
            if self._consumer is None:
                self._consumer = await self._opened()
            return self._consumer

    async def _asking(self) -> Any:
        """The consumer that answers questions; so too."""
        async with self._opening, self._connection.answering(ANSWER_SECONDS):
            if self._asker is None:
                self._asker = await self._opened()
            return self._asker

    async def _opened(self) -> Any:
        await self._topic.ensure()
        consumer = AIOKafkaConsumer(
            **self._connection.options,
            auto_offset_reset="none",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=int(1000 * FETCH_WAIT_SECONDS),
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
        try:
            await consumer.start()
        except BaseException:
            await let_go(consumer)
            raise
        find_again(consumer._client, self._doubt)
        consumer._fetcher._records = _Fetched()
        return consumer

    async def _refuse_gap(self) -> None:
        """Say which offsets are gone, or go on if they are there after all."""
        bounds = await self.bounds(each.partition for each in self._positions)
        for place, position in self._positions.items():
            start, end = bounds[place.partition]
            name = self._connection.name
            refuse_misfit(name, place.partition, position, start=start, end=end)
        self._seek()

    async def _refuse_another(self) -> None:
        """After the brokers were looked for behind their names: it is to be the same cluster.

        Raises:
            LogMismatch: it is not.
        """
        if not self._is_unsure:
            return
        self._is_unsure, before = False, self._identity
        try:
            found = await self.identity()
        except LogUnavailable:
            self._is_unsure = True
            raise
        if before not in (None, found):
            self._is_unsure = True
            raise LogMismatch(
                f"{self._connection.name} is {found} now, and was {before}: expected brokers of the same "
                "cluster behind the names in DWELL_LOG"
            )

    def _doubt(self) -> None:
        self._is_unsure = True

    def _refuse_silence(self) -> None:
        """Brokers that are away are tried again by the client without a word.

        Raises:
            LogUnavailable: a partition's leader has said nothing for long.
        """
        now = asyncio.get_running_loop().time()
        for place in self._positions:
            said = self._consumer.last_poll_timestamp(place)
            before, heard = self._heard.get(place, (None, now))
            if said != before or place not in self._heard:
                self._heard[place] = (said, now)
            elif now - heard > SILENCE_SECONDS:
                raise LogUnavailable(
                    f"{self._connection.name} has not answered for {now - heard:.0f} s: "
                    f"no word of partition {place.partition}"
                )

    def _seek(self) -> None:
        for place, position in self._positions.items():
            self._consumer.seek(place, position)

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._connection.topic, partition)


class _Fetched(OrderedDict[TopicPartition, Any]):
    """What a consumer of aiokafka has fetched, by partition, whose records come as they are decoded:
    wrapping each anew, as for its callers, takes a quarter of the time that reading them takes."""

    def __setitem__(self, place: TopicPartition, fetched: Any) -> None:
        records = getattr(fetched, "_partition_records", None)
        if records is not None:
            records._consumer_record = _as_decoded
        super().__setitem__(place, fetched)


def _as_decoded(_: TopicPartition, record: Any) -> Any:
    return record


def _batch(partition: int, records: list[Any]) -> Batch:
    return Batch(
        partition,
        [each.offset for each in records],
        [each.timestamp for each in records],
        [each.key or b"" for each in records],
        [each.value or b"" for each in records],
    )
