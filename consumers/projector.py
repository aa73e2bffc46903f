"""The projector: reads the log, applies it to the warehouse, publishes. One process, one file."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from dwell.consumers.agents import agent_data, describe
from dwell.consumers.beginning import beginning
from dwell.consumers.forwarder import Forwarder
from dwell.consumers.judge import judge
from dwell.consumers.keeping import Keeping
from dwell.consumers.outage import Outage
from dwell.consumers.publisher import Publisher
from dwell.consumers.shards import Shards
from dwell.consumers.stopping import Stopped, before
from dwell.consumers.tally import Tally
from dwell.errors import LogGap, LogMismatch, LogUnavailable
from dwell.events.dead_letters import DeadLetterTopic
from dwell.events.log import Batch, LogReader
from dwell.settings import Settings
from dwell.warehouse import promotion
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Projection
from dwell.warehouse.reading import Read

IDLE_WAIT = 1.0
"""Seconds a read waits for the first record; then partitions and stopping get their turn."""
RETRY_AFTER = 1.0
"""Seconds until a log that did not answer is asked again."""
FINISH_WITHIN = 3.0
"""Seconds that a projector which is told to stop goes on reading."""
ANSWER_WITHIN = 1.5
"""Seconds that an answer of the log is waited for which the projector can do without: when it stops,
and when it looks for new partitions."""
QUIET_SHARE = 4
"""A transaction that took t seconds lets facts gather for QUIET_SHARE * t before the next one,
unless there are enough for a full batch: planning the statements costs about the same for one fact
as for a thousand."""
MOST_PATIENCE = 0.5
"""Seconds that facts gather at most on that account."""
BATCH_BYTES = 64 * 2**20
"""Bytes of records after which no more are gathered for a transaction, however few they are: twice what
40,000 facts of a browser have. A foreign record of Kafka may be as large as its broker allows."""
LOOK_EVERY = 0.1
"""Seconds between two looks for a file that waits for the warehouse's place."""
PARTITIONS_EVERY = 5.0
"""Seconds between two looks for new partitions."""

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Projector:
    """Carries facts from a log into a warehouse, each once, whatever is killed when.

    Rows and offsets are written in one transaction; reading goes on from the offsets in the
    warehouse. While one batch is applied, the next comes from the log and is read into facts.

    Attributes:
        positions: by partition, the offset up to which everything is committed.
    """

    def __init__(
        self,
        settings: Settings,
        reader: LogReader,
        warehouse: LiveWarehouse,
        dead_letters: DeadLetterTopic | None = None,
        tally: Tally | None = None,
    ) -> None:
        """`dead_letters` is where they are sent too, if anywhere; `tally` is told of what is done."""
        self._settings = settings
        self._reader = reader
        self._warehouse = warehouse
        self._thread = ThreadPoolExecutor(1, "warehouse")
        self._reading_thread = ThreadPoolExecutor(1, "reading")
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._gives_way = False
        self._outage = Outage()
        self._tally = Tally() if tally is None else tally
        self._gathering: asyncio.Task[list[Batch]] | None = None
        self._partitions: list[int] = []
        self.positions: dict[int, int] = {}
        self._looked_at = 0.0
        self._patience = settings.batch_seconds
        self._behind = False
        self._projection = Projection(
            warehouse,
            judge=judge,
            describe=partial(describe, rules=warehouse.rules),
            starts=partial(self._ask_each, self._reader.start),
            offsets_at=self._offsets_at,
            keep=settings.keep_rows_for,
        )
        self._shards = Shards(settings, warehouse)
        self._publisher = Publisher(
            warehouse,
            settings.publication,
            every=settings.publish_seconds,
            in_turn=self._in_turn,
            announce=self._shards.unite,
            behind=lambda: self._behind,
            tally=self._tally,
        )
        self._keeping = Keeping(
            self._projection, in_turn=self._in_turn, changed=self._publisher.changed
        )
        self._forwarder = dead_letters and Forwarder(
            warehouse,
            dead_letters,
            in_turn=self._in_turn,
            forwarded=self._publisher.changed,
        )

    def stop(self) -> None:
        """Have `run` finish: the transaction under way, then what the log has by now, for
        FINISH_WITHIN seconds at most, then a last publication. Nothing is broken off."""
        self._gives_way = False
        self._stopping.set()

    @property
    def trouble(self) -> str | None:
        """Why facts are not carried to people now, in one word; `None` if they are."""
        if self._outage.lasts or not self._looked_at:  # it has not begun
            return "log_unavailable"
        return "not_published" if self._publisher.failing else None

    async def dead_letters(self) -> dict[str, int]:
        """How many stand in the warehouse, by reason."""
        return await self._in_turn(self._warehouse.dead_letters)

    async def run(self) -> bool:
        """Project until `stop()`, or until another file waits for the warehouse's place; then only the
        transaction under way is finished.

        Returns:
            whether one does: another projector goes on when the warehouse was opened anew.

        Raises:
            LogMismatch: the warehouse's offsets do not fit the log; the message says what to do.
            WarehouseError: the warehouse cannot be written.
        """
        watching = asyncio.create_task(self._watch())
        try:
            await self._publish_before_the_log_is_there()
            try:
                await before(self._stopping, self._begin())
            except Stopped:
                pass
            else:
                await self._work()
        except LogGap as gap:
            raise LogGap(
                f"{gap}; bring the facts back from a copy of the log; or, if they are archived, "
                "`dwell replay` makes a warehouse of archive and log, and `dwell promote` puts it in the "
                f"place of {self._warehouse.path}; or move that away to have it made anew from what the "
                "log has"
            ) from None
        finally:
            watching.cancel()
            self._reading_thread.shutdown()
            self._thread.shutdown()
        return self._gives_way

    async def _watch(self) -> None:
        """Have `run` end when something waits for the warehouse's place."""
        # Another process puts it there, so it is looked for now and then.
        while not promotion.waits(self._warehouse.path):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY)
        if not self._stopping.is_set():
            self._gives_way = True
            self._stopping.set()

    async def _publish_before_the_log_is_there(self) -> None:
        """Give people something to open. A warehouse that belongs to a log is published only when
        that log has been found."""
        identity = await self._in_turn(partial(self._warehouse.info, "log_identity"))
        standing = (self._settings.publication, self._settings.published)
        if identity is None or not all(each.exists() for each in standing):
            await self._publisher.publish()

    async def _work(self) -> None:
        """Follow the log and publish, until `stop()`; what ends one of the two ends the other."""
        tasks = [
            asyncio.create_task(self._follow()),
            asyncio.create_task(self._publisher.run(self._stopping)),
        ]
        if self._forwarder:
            tasks.append(asyncio.create_task(self._forwarder.run(self._stopping)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        self._stopping.set()
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()
        if not self._gives_way:
            await self._publisher.publish()

    async def _begin(self) -> None:
        identity = await self._patiently(self._reader.identity)
        await self._in_turn(partial(self._warehouse.belong_to, identity))
        data = agent_data(self._warehouse.rules)
        await self._in_turn(partial(self._projection.describe_with, data))
        self.positions = await self._in_turn(self._warehouse.positions)
        await self._patiently(partial(self._read_from, self.positions))
        self._reader.report(self.positions)
        await self._heed_siblings()

    async def _patiently(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """What the log answers, however long that takes.

        Raises:
            LogUnavailable: it does not answer, and `stop()` was called.
        """
        while True:
            try:
                answer = await self._soon(ask())
            except LogUnavailable as error:
                if self._stopping.is_set():
                    raise
                await self._pause_after(error)
            else:
                self._outage.over()
                return answer

    async def _soon(self, ask: Awaitable[Result]) -> Result:
        """What the log answers; once `stop()` was called it has ANSWER_WITHIN seconds for that.

        Raises:
            LogUnavailable: it does not answer.
        """
        try:
            return await before(self._stopping, ask, grace=ANSWER_WITHIN)
        except Stopped:
            raise LogUnavailable(f"no answer within {ANSWER_WITHIN:g} s") from None

    async def _pause_after(self, error: LogUnavailable) -> None:
        self._outage.met(error)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RETRY_AFTER)

    async def _read_from(self, positions: dict[int, int]) -> None:
        """Read on from these offsets, and a partition that is new from its beginning.

        Raises:
            LogGap: a record that was never read is gone, a new partition's first one for example.
            LogUnavailable: no record may be read until this was done after all: what had been gathered
                is forgotten.
        """
        partitions = self._shards.own(await self._reader.partitions())
        starts = await self._starts(partitions, positions)
        await self._drop_gathered()
        await self._reader.assign(positions | starts)
        if starts:  # written down before a record comes: it may be gone when the next run looks
            await self._in_turn(partial(self._projection.begin, starts))
            self._publisher.changed()
        self.positions = starts | self.positions
        self._partitions = partitions
        self._looked_at = time.monotonic()

    async def _starts(self, partitions: list[int], positions: dict[int, int]) -> dict[int, int]:
        """Where those begin that have no position yet."""
        begun = bool(positions)
        return {
            each: await beginning(self._reader, each, begun=begun)
            for each in partitions
            if each not in positions
        }

    async def _follow(self) -> None:
        """Project until `stop()`, and then up to what is the log's end."""
        try:
            read = await self._next()
            while not self._stopping.is_set():
                read = await self._step(read)
            if not self._gives_way:
                await self._finish()
        except LogUnavailable as error:  # which is waited for until `stop()`
            logger.warning("the log does not answer, stopping all the same: %s", error)
        finally:
            await self._drop_gathered()

    async def _step(self, read: Read | None) -> Read | None:
        """Apply a batch while the next one is read; returns the next one."""
        following = asyncio.create_task(self._next())
        try:
            rewound = await self._apply(read)
            await self._keeping.go_on()
        except BaseException:
            following.cancel()
            await asyncio.wait({following})
            raise
        read = await following
        if rewound:
            await self._patiently(partial(self._read_from, self.positions))
            return None
        if time.monotonic() - self._looked_at > PARTITIONS_EVERY:
            await self._notice_partitions(read)
            if await self._heed_siblings():
                return None
        return read

    async def _next(self) -> Read | None:
        """The next batch, read into facts beside the transaction that is under way; the one behind it
        is gathered meanwhile."""
        gathering = self._gathering or self._gather_ahead()
        batches = await gathering
        self._gathering = None
        if not batches or self._stopping.is_set():
            return None
        self._gather_ahead()
        return await self._beside(partial(self._projection.read, batches))

    def _gather_ahead(self) -> "asyncio.Task[list[Batch]]":
        self._gathering = asyncio.create_task(self._gather(self._patience))
        return self._gathering

    async def _drop_gathered(self) -> None:
        """Forget what was gathered and not read into facts; who goes on says from where."""
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            gathering.cancel()
            await asyncio.gather(gathering, return_exceptions=True)

    async def _finish(self) -> None:
        """Project up to what is the log's end now. What was read and not applied is read again."""
        if self._outage.lasts:
            return
        deadline = time.monotonic() + FINISH_WITHIN
        ends = await self._soon(self._ends())
        while time.monotonic() < deadline and any(
            self.positions[each] < end for each, end in ends.items()
        ):
            if await self._apply(await self._read_now()):
                await self._soon(self._read_from(self.positions))

    async def _read_now(self) -> Read | None:
        batches = await self._gather(patience=0)
        return await self._beside(partial(self._projection.read, batches)) if batches else None

    async def _ends(self) -> dict[int, int]:
        await self._read_from(self.positions)
        bounds = await self._reader.bounds(self._partitions)
        return {each: end for each, (_, end) in bounds.items()}

    async def _notice_partitions(self, read: Read | None) -> None:
        """Read new partitions too; what was read is applied next and not read again."""
        self._looked_at = time.monotonic()
        batches = read.batches if read else ()
        ahead = self.positions | {batch.partition: batch.next_offset for batch in batches}
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                partitions = self._shards.own(await self._reader.partitions())
                if partitions == self._partitions:
                    return
                await self._starts(partitions, ahead)
        except (LogUnavailable, TimeoutError):  # a new one that has no leader yet, for example
            return  # the others are read, and it is asked again soon
        await self._patiently(partial(self._read_from, ahead))
        logger.info("the log has partitions %s now", self._partitions)

    async def _heed_siblings(self) -> bool:
        """Forget whom other shards were told to forget; returns whether reading went back, and with
        it what was read. A visitor's earlier facts may be here if the log got more partitions."""
        forgotten = await self._in_turn(self._shards.forgotten)
        await self._keeping.heed(self._shards.dropped())
        if not forgotten:
            return False
        applied = await self._in_turn(lambda: self._projection.forget(forgotten))
        self._publisher.changed()
        self.positions |= applied.positions
        self._reader.report(applied.positions)
        if applied.rewound:
            await self._patiently(partial(self._read_from, self.positions))
        return applied.rewound

    async def _gather(self, patience: float) -> list[Batch]:
        """A batch's worth of records: what comes within `patience` seconds of the first, or enough."""
        gathered: list[Batch] = []
        left, room = self._settings.batch_facts, BATCH_BYTES
        wait = IDLE_WAIT
        deadline: float | None = None
        while left > 0 and room > 0 and not (gathered and self._stopping.is_set()):
            try:
                batches = await self._reader.read(left, wait)
            except LogUnavailable as error:
                await self._pause_after(error)
                break
            except LogMismatch:
                if gathered:
                    break  # it is met again behind what was read before it
                raise
            self._outage.over()
            if not batches:
                break
            gathered += batches
            left -= sum(len(batch) for batch in batches)
            room -= sum(sum(map(len, batch.values)) for batch in batches)
            now = time.monotonic()
            deadline = deadline or now + patience
            wait = deadline - now
            if wait <= 0:
                break
        return gathered

    async def _apply(self, read: Read | None) -> bool:
        """Apply a batch; returns whether reading has to go back to `positions`."""
        if read is None:
            return False
        began = time.monotonic()
        applied = await self._in_turn(partial(self._projection.apply, read))
        taken = time.monotonic() - began
        self._tally.applied(len(read), taken)
        self._patience = max(self._settings.batch_seconds, min(QUIET_SHARE * taken, MOST_PATIENCE))
        self._behind = len(read) >= self._settings.batch_facts
        self.positions |= applied.positions
        self._reader.report(applied.positions)
        self._publisher.changed()
        if applied.dead_letters:
            logger.warning(
                "%d records could not be read: they are dead letters", applied.dead_letters
            )
            if self._forwarder:
                self._forwarder.changed()
        if applied.rewound:
            logger.info("an erasure: reading again from %s", applied.positions)
        return applied.rewound

    async def _in_turn(self, function: Callable[[], Result]) -> Result:
        """Run `function` in the one thread that touches the warehouse; a cancellation waits for it."""
        return await self._in(self._thread, function)

    async def _beside(self, function: Callable[[], Result]) -> Result:
        """Run `function` in the thread that reads records into facts; so too."""
        return await self._in(self._reading_thread, function)

    async def _in(self, thread: ThreadPoolExecutor, function: Callable[[], Result]) -> Result:
        running = self._loop.run_in_executor(thread, function)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    def _offsets_at(self, timestamp: int) -> dict[int, int]:
        return self._ask_each(lambda each: self._reader.offset_at(each, timestamp))

    def _ask_each(self, question: Callable[[int], Awaitable[int]]) -> dict[int, int]:
        """What the log says of each partition; called from the warehouse's thread, within a
        transaction."""

        async def ask() -> dict[int, int]:
            return {each: await question(each) for each in self._partitions}

        return asyncio.run_coroutine_threadsafe(self._patiently(ask), self._loop).result()
