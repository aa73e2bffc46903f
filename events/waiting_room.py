"""The waiting room before a log: bounds the bytes that wait and the time that a call takes."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from dwell.errors import LogError, LogFull, LogUnavailable
from dwell.events.log import NewRecord
from dwell.events.pace import Pace

RECORD_BYTES = 500
"""What a waiting record takes beside its key and value: the objects that carry it (measured)."""
PROBE_SECONDS = 0.25
"""Pause between two probes of a log that does not answer."""

logger = logging.getLogger(__name__)


class Ticket:
    """One call that waits until its records are durable.

    Attributes:
        records: what is to be written; empty for a mere question whether it could be.
        outcome: what the caller awaits. It may end before the records are settled.
        settled: whether the log has said what became of the records.
    """

    __slots__ = ("bytes", "deadline", "outcome", "records", "settled")

    def __init__(
        self,
        records: Sequence[NewRecord],
        outcome: asyncio.Future[None],
        size: int = 0,
        deadline: float = 0.0,
    ) -> None:
        self.records = records
        self.outcome = outcome
        self.bytes = size
        self.deadline = deadline
        self.settled = False


class WaitingRoom:
    """What all writers share. A writer admits each call, writes, and settles.

    A call whose time is over gets `LogUnavailable`, while its records stay under way, and counted,
    until the writer settles them: the outcome is unknown, not "failed". From then on the room is
    stalled and admits nobody, until a write or a probe succeeds.

    One timer serves all calls that wait: a call costs 2 µs here, `asyncio.wait_for` 4 to 9.
    Everything is called in the thread of one event loop.

    Args:
        log: what the log is called in messages, as `the log data/live/log.sqlite`.
        probe: returns if the log answers, raises `LogError` if it does not; may take its time. Whatever
            else it raises counts as no answer too.
        waiting_bytes: what may wait. A call that is larger is admitted when nobody else waits.
        durable_within: seconds until a call times out.
    """

    def __init__(
        self,
        log: str,
        probe: Callable[[], Awaitable[None]],
        *,
        waiting_bytes: int,
        durable_within: float,
    ) -> None:
        self._log = log
        self._probe = probe
        self._most = waiting_bytes
        self._within = durable_within
        self._pace = Pace(durable_within / 4)
        self._bytes = 0
        self._under_way = 0
        self._waiting: deque[Ticket] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None
        self._empty: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def bytes(self) -> int:
        """What waits or is under way."""
        return self._bytes

    @property
    def stalled(self) -> bool:
        """Whether the log has left a call unanswered and not answered since."""
        return self._probing is not None

    def admit(self, records: Sequence[NewRecord]) -> Ticket:
        """A ticket for these records. The writer must settle it, whatever happens.

        Raises:
            LogFull: there is no place for them.
            LogUnavailable: the room is stalled or closed.
        """
        if self._probing is not None or self._closed:
            raise LogUnavailable(
                f"{self._log} is closed" if self._closed else f"{self._log} does not answer"
            )
        size = RECORD_BYTES * len(records)
        for record in records:
            size += len(record.key) + len(record.value)
        if self._bytes + size > self._most and self._bytes:
            raise LogFull(
                f"{self._bytes} bytes wait for {self._log}: "
                f"{size} more would exceed DWELL_WAITING_BYTES, which is {self._most}"
            )
        loop = self._loop or self._found()
        deadline = loop.time() + self._within
        ticket = Ticket(records, loop.create_future(), size, deadline)
        self._bytes += size
        self._under_way += 1
        self._waiting.append(ticket)
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._sweep)
        return ticket

    def pause(self, ticket: Ticket) -> float:
        """Seconds for which a call may wait for others, so that they are written together."""
        loop = self._loop or self._found()
        return self._pace.pause(loop.time(), len(ticket.records)) if ticket.records else 0.0

    def _found(self) -> asyncio.AbstractEventLoop:
        """The loop, once: to ask for it costs a system call each time before Python 3.12."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def probe_ticket(self) -> Ticket:
        """A ticket for the writer's own probe, which no deadline ends; it must be settled too."""
        self._under_way += 1
        return Ticket((), asyncio.get_running_loop().create_future())

    def settle(self, tickets: Iterable[Ticket], error: LogError | None = None) -> None:
        """Tell the callers that their records are durable, or what went wrong."""
        for ticket in tickets:
            ticket.settled, ticket.records = (
                True,
                (),
            )  # one behind a call that hangs keeps its place
            self._bytes -= ticket.bytes
            self._under_way -= 1
            if ticket.outcome.done():
                continue
            if error is None:
                ticket.outcome.set_result(None)
            else:
                ticket.outcome.set_exception(type(error)(*error.args))
        waiting = self._waiting
        while waiting and waiting[0].settled:
            waiting.popleft()
        if error is None and self._probing is not None:
            self._recover()
        if self._empty is not None and not self._under_way and not self._empty.done():
            self._empty.set_result(None)

    async def emptied(self) -> bool:
        """Admit nobody any more, and wait for as long as a call may take until all are settled.

        A log that was found not to answer is not waited for: nobody waits for what is under way.

        Returns whether they are.
        """
        self._closed = True
        if self._under_way and not self.stalled:
            self._empty = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._empty], timeout=self._within)
        if self._timer is not None:
            self._timer.cancel()
        if self._probing is not None:
            self._probing.cancel()
        for ticket in self._waiting:
            self._give_up(ticket)
        return not self._under_way

    def _sweep(self) -> None:
        """Give up the calls whose time is over, and come back for the next one."""
        loop = asyncio.get_running_loop()
        waiting, now = self._waiting, loop.time()
        late = False
        while waiting and (waiting[0].settled or waiting[0].deadline <= now):
            ticket = waiting.popleft()
            if not ticket.settled:
                late = True
                self._give_up(ticket)
        self._timer = loop.call_at(waiting[0].deadline, self._sweep) if waiting else None
        if late and self._probing is None and not self._closed:
            logger.warning(
                "%s did not answer within %g s: facts are refused until it does",
                self._log,
                self._within,
            )
            self._probing = loop.create_task(self._probe_until_it_answers())

    def _give_up(self, ticket: Ticket) -> None:
        if not ticket.outcome.done():
            ticket.outcome.set_exception(
                LogUnavailable(f"{self._log} did not answer within {self._within:g} s")
            )

    async def _probe_until_it_answers(self) -> None:
        said = False
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                await self._probe()
            except LogError as error:
                logger.debug("%s still does not answer: %s", self._log, error)
            except Exception as error:
                if not said:
                    said = True
                    failed = type(error).__name__
                    logger.warning("%s is asked again, for: %s", self._log, failed, exc_info=error)
            else:
                self._recover()
                return

    def _recover(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None
            logger.warning("%s answers again", self._log)
