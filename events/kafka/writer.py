"""The appending side: one task a partition, each with one batch under way at a time.

Durable means: on every replica that is in step (`acks=all`). That survives the loss of a broker if
there are replicas on others, and a power cut of all of them at once only as far as their disks go:
Kafka acknowledges before it syncs.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from dwell.errors import LogError, LogUnavailable
from dwell.events.kafka.connection import Connection, find_again
from dwell.events.kafka.noise import Seldom
from dwell.events.kafka.topic import Plan, Topic
from dwell.events.log import LogWriter, NewRecord
from dwell.events.waiting_room import Ticket, WaitingRoom

BATCH_BYTES = 262_144
"""Bytes in one batch at most, before compression."""
COMPRESSION = "snappy"
"""Costs a lone record 2 µs and makes batches a seventh; zstd makes them a twelfth, and costs 22."""
OPEN_SECONDS = 30.0
"""How long it may take to find the brokers and make the topic."""
PROBE_SECONDS = 2.0
"""How long the brokers may take to say that they are well."""
STOP_SECONDS = 5.0
"""How long a producer with nothing under way may take to end."""
PARTITIONS_SECONDS = 1.0
"""How often it is looked whether there are more partitions now."""

logger = logging.getLogger(__name__)


class KafkaWriter(LogWriter):
    """Appends to the topic. Several processes may.

    Nothing is connected before the first call. A producer of aiokafka that is idempotent tries for
    ever: what it has taken stays under way, and counts in the waiting room, until the brokers have
    answered, however long that is after its callers were told "unknown".
    """

    def __init__(
        self, connection: Connection, plan: Plan, *, waiting_bytes: int, durable_within: float
    ) -> None:
        self._connection = connection
        self._topic = Topic(connection, plan)
        self._room = WaitingRoom(
            connection.name,
            self._probe,
            waiting_bytes=waiting_bytes,
            durable_within=durable_within,
        )
        self._seldom = Seldom()
        self._early: list[Ticket] = []
        self._session: _Session | None = None
        self._opening: asyncio.Task[_Session] | None = None
        self._background: set[asyncio.Task[None]] = set()

    def submit(self, records: Sequence[NewRecord]) -> "asyncio.Future[None]":
        """As the contract says."""
        ticket = self._room.admit(records)
        session = self._session
        if session is None or session.broken:
            self._early.append(ticket)
            self._open()
        else:
            session.take(ticket)
        return ticket.outcome

    @property
    def waiting_bytes(self) -> int:
        """As the contract says."""
        return self._room.bytes

    async def check(self) -> None:
        """As the contract says: each partition has a leader and replicas in step."""
        ticket = self._room.admit(())
        self._beside(self._prove(ticket))
        await ticket.outcome

    async def close(self) -> None:
        """As the contract says."""
        emptied = False
        try:
            emptied = await self._room.emptied()
        finally:
            await self._let_go(in_order=emptied)

    async def _let_go(self, *, in_order: bool) -> None:
        beside = {*self._background, *([] if self._opening is None else [self._opening])}
        for task in beside:
            task.cancel()
        if beside:
            await asyncio.wait(beside)
        if self._session is not None:
            await self._session.close(in_order=in_order)
        await self._topic.close()

    async def _probe(self) -> None:
        """What is under way has to be acknowledged too: a leader that hangs is still a leader."""
        session = await self._opened()
        async with self._connection.answering(PROBE_SECONDS):
            await self._topic.check()
        await session.acknowledged()

    async def _prove(self, ticket: Ticket) -> None:
        error: LogError | None = LogUnavailable(f"{self._connection.name} is closed")
        try:
            await self._opened()
            async with self._connection.answering(PROBE_SECONDS):
                await self._topic.check()
            error = None
        except LogError as trouble:
            error = trouble
        except Exception as trouble:
            error = self._connection.explained(trouble)
        finally:
            self._room.settle([ticket], error)

    async def _opened(self) -> "_Session":
        session = self._session
        if session is not None and not session.broken:
            return session
        return await asyncio.shield(self._open())

    def _open(self) -> "asyncio.Task[_Session]":
        """Open anew, once however often it is asked for; what waits then goes on its way."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._make_session())
            self._opening.add_done_callback(self._has_opened)
        return self._opening

    async def _make_session(self) -> "_Session":
        async with self._connection.answering(OPEN_SECONDS):
            await self._topic.ensure()
            return await _Session.opened(self._connection, self._room, self._seldom)

    def _has_opened(self, opening: "asyncio.Task[_Session]") -> None:
        self._opening = None
        early, self._early = self._early, []
        if opening.cancelled():
            self._room.settle(early, LogUnavailable(f"{self._connection.name} is closed"))
            return
        error = opening.exception()
        if error is None:
            former, self._session = self._session, opening.result()
            if former is not None:
                self._beside(former.close_when_idle())
            for ticket in early:
                self._session.take(ticket)
        else:
            known = error if isinstance(error, LogError) else self._connection.explained(error)
            self._room.settle(early, known)

    def _beside(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


class _Share:
    """A ticket on its way through the partitions: how many of its records are not settled yet."""

    __slots__ = ("error", "left", "ticket")

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.left = len(ticket.records)
        self.error: LogError | None = None


class _Session:
    """A producer with its partitions' tasks.

    Attributes:
        broken: a batch failed for good. The numbers that make a producer idempotent have a gap
            then, and the broker refuses what follows: another session has to go on.
    """

    def __init__(
        self, producer: Any, connection: Connection, room: WaitingRoom, seldom: Seldom
    ) -> None:
        self.broken = False
        self.producer = producer
        self.connection = connection
        self._room = room
        self._seldom = seldom
        self._count = 0
        self._count_at = 0.0
        self._drains: dict[int, _Drain] = {}
        self._gathered: list[Ticket] = []

    @classmethod
    async def opened(cls, connection: Connection, room: WaitingRoom, seldom: Seldom) -> "_Session":
        """Connected, with the topic's partitions known.

        Raises:
            KafkaError, OSError: the brokers do not answer, or refuse.
        """
        producer = AIOKafkaProducer(
            **connection.options,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            compression_type=COMPRESSION,
        )
        try:
            await producer.start()
            await producer.partitions_for(connection.topic)
        except BaseException:
            await abandon(producer)
            raise
        find_again(producer.client)
        return cls(producer, connection, room, seldom)

    def take(self, ticket: Ticket) -> None:
        """Send the ticket's records on their way, some milliseconds later where few calls come, and settle
        it when the last one is there."""
        pause = self._room.pause(ticket)
        self._gathered.append(ticket)
        if not pause:
            self._send_gathered()
        elif len(self._gathered) == 1:
            asyncio.get_running_loop().call_later(pause, self._send_gathered)

    def _send_gathered(self) -> None:
        """All together: what several partitions on one broker have is one request to it."""
        gathered, self._gathered = self._gathered, []
        partitions = self._partitions()
        for ticket in gathered:
            share = _Share(ticket)
            for record in ticket.records:
                self._drain(_hash(record.key) % partitions).put(record, share)

    def settle(self, sent: Sequence[tuple[NewRecord, _Share]], error: LogError | None) -> None:
        """These records are durable, or what went wrong."""
        done: list[Ticket] = []
        for _, share in sent:
            share.left -= 1
            share.error = share.error or error
            if share.left:
                continue
            if share.error is None:
                done.append(share.ticket)
            else:
                self._room.settle([share.ticket], share.error)
        if done:
            self._room.settle(done)

    def broke(self, error: Exception) -> LogError:
        """A batch failed for good; returns what its callers are told."""
        self.broken = True
        known = self.connection.explained(error)
        if self._seldom.allows(str(known)):
            logger.warning("a batch was refused, and another producer goes on: %s", known)
        return known

    async def acknowledged(self) -> None:
        """Wait until what is under way now is settled."""
        self._send_gathered()
        await asyncio.gather(*(each.acknowledged() for each in self._drains.values()))

    async def close_when_idle(self) -> None:
        """End when everything that was taken is settled."""
        try:
            await self.acknowledged()
        finally:
            await self.close(in_order=False)

    async def close(self, *, in_order: bool) -> None:
        """End. Not in order: what is under way is left as it is, its outcome unknown."""
        self._gathered.clear()
        for drain in self._drains.values():
            drain.task.cancel()
        if in_order:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self.producer.stop()
        await abandon(self.producer)

    def _partitions(self) -> int:
        now = time.monotonic()
        if now >= self._count_at:
            self._count_at = now + PARTITIONS_SECONDS
            known = self.producer.client.cluster.partitions_for_topic(self.connection.topic)
            self._count = max(self._count, len(known or ()))
        return self._count

    def _drain(self, partition: int) -> "_Drain":
        if partition not in self._drains:
            self._drains[partition] = _Drain(self, partition)
        return self._drains[partition]


class _Drain:
    """The records for one partition: what gathers while a batch is under way is the next batch."""

    def __init__(self, session: _Session, partition: int) -> None:
        self._session = session
        self._partition = partition
        self._inbox: deque[tuple[NewRecord, _Share]] = deque()
        self._arrival = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.task = asyncio.create_task(self._run())

    def put(self, record: NewRecord, share: _Share) -> None:
        """Send this one too."""
        self._inbox.append((record, share))
        self._arrival.set()
        self._idle.clear()

    async def acknowledged(self) -> None:
        """Wait until nothing waits or is under way."""
        await self._idle.wait()

    async def _run(self) -> None:
        while True:
            await self._arrival.wait()
            while self._inbox:
                batch, sent = self._fill()
                if sent:
                    self._session.settle(sent, await self._send(batch))
            self._arrival.clear()
            self._idle.set()

    def _fill(self) -> tuple[Any, list[tuple[NewRecord, _Share]]]:
        """A batch of what waits; it has room for the first record, however long, and says when it
        is full."""
        batch = self._session.producer.create_batch()
        sent: list[tuple[NewRecord, _Share]] = []
        inbox = self._inbox
        while inbox:
            record, _ = inbox[0]
            try:
                added = batch.append(key=record.key, value=record.value, timestamp=record.timestamp)
            except (TypeError, ValueError, OverflowError) as error:
                self._session.settle([inbox.popleft()], self._session.connection.explained(error))
                continue
            if added is None:
                break
            sent.append(inbox.popleft())
        batch.close()
        return batch, sent

    async def _send(self, batch: Any) -> LogError | None:
        session = self._session
        try:
            acknowledgement = await session.producer.send_batch(
                batch, session.connection.topic, partition=self._partition
            )
            await acknowledgement
        # Whatever it is: aiokafka merely asserts, for one, that it knows the partition, and a broker
        # that has fallen behind tells it of fewer than another one did.
        except Exception as error:
            return session.broke(error)
        return None


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    """As Kafka's own clients choose a partition by the key; it takes 5 µs here to compute."""
    number: int = murmur2(key) & 0x7FFFFFFF
    return number


async def abandon(producer: Any) -> None:
    """Let go of a producer whose brokers may not answer: its own `stop` waits for them for ever.

    Does nothing to one that has ended.
    """
    producer._closed = True
    task = producer._sender.sender_task
    with suppress(KafkaError, OSError):
        await producer.client.close()
    while task is not None and not task.done():
        # Each cancellation ends one request that it waits for.
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
