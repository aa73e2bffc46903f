"""The waiting room bounds bytes and time, whatever the log behind it does."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dwell.errors import LogFull, LogUnavailable
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from dwell.events.waiting_room import RECORD_BYTES, Ticket, WaitingRoom
from tests.events.contract import NOW, VISITOR, record

SIZE = len(VISITOR) + len(record(1).value) + RECORD_BYTES
WITHIN = 0.1


class Answer:
    """What the log says when it is probed."""

    def __init__(self) -> None:
        self.trouble: LogUnavailable | None = LogUnavailable("not yet")
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def answer() -> Answer:
    return Answer()


@pytest_asyncio.fixture
async def room(answer: Answer) -> AsyncIterator[WaitingRoom]:
    room = WaitingRoom("the log x", answer, waiting_bytes=10 * SIZE, durable_within=WITHIN)
    yield room
    await room.emptied()


async def stalled(room: WaitingRoom) -> Ticket:
    """The ticket of a call that has timed out."""
    ticket = room.admit([record(1)])
    with pytest.raises(LogUnavailable, match=r"the log x did not answer within 0\.1 s"):
        await ticket.outcome
    assert room.stalled
    return ticket


async def well_again(room: WaitingRoom) -> None:
    async with asyncio.timeout(5):
        while room.stalled:
            await asyncio.sleep(0.01)


async def test_bytes_are_counted_from_admission_to_settlement(room: WaitingRoom) -> None:
    tickets = [room.admit([record(1)]) for _ in range(10)]
    assert room.bytes == 10 * SIZE
    with pytest.raises(LogFull, match=f"{10 * SIZE} bytes wait for the log x: {SIZE} more"):
        room.admit([record(1)])
    room.settle(tickets[:1])
    tickets.append(room.admit([record(1)]))
    room.settle(tickets[1:])
    assert room.bytes == 0
    await asyncio.gather(*(ticket.outcome for ticket in tickets))


async def test_a_call_larger_than_the_room_is_admitted_when_nobody_else_waits(
    room: WaitingRoom,
) -> None:
    large = [record(number) for number in range(50)]
    ticket = room.admit(large)
    with pytest.raises(LogFull):
        room.admit([record(1)])
    room.settle([ticket])
    small = room.admit([record(1)])
    with pytest.raises(LogFull):
        room.admit(large)
    room.settle([small])


async def test_a_settled_failure_reaches_every_caller_of_the_group(room: WaitingRoom) -> None:
    tickets = [room.admit([record(1)]) for _ in range(3)]
    room.settle(tickets, LogUnavailable("the disk is full"))
    for ticket in tickets:
        with pytest.raises(LogUnavailable, match="the disk is full"):
            await ticket.outcome
    assert not room.stalled


async def test_each_call_times_out_after_its_own_time(answer: Answer) -> None:
    room = WaitingRoom("the log x", answer, waiting_bytes=10 * SIZE, durable_within=0.8)
    loop = asyncio.get_running_loop()

    async def waited(after: float) -> float:
        await asyncio.sleep(after)
        ticket, started = room.admit([record(1)]), loop.time()
        with pytest.raises(LogUnavailable):
            await ticket.outcome
        room.settle([ticket], LogUnavailable("too late"))
        return loop.time() - started

    for took in await asyncio.gather(*(waited(step * 0.02) for step in range(4))):
        assert 0.8 <= took < 10
    await room.emptied()


async def test_a_call_in_time_is_left_alone_by_the_timer_of_another(answer: Answer) -> None:
    room = WaitingRoom("the log x", answer, waiting_bytes=10 * SIZE, durable_within=3)
    early = room.admit([record(1)])
    await asyncio.sleep(1.5)
    late = room.admit([record(2)])
    room.settle([early])
    await asyncio.sleep(1.7)
    assert not late.outcome.done()
    room.settle([late])
    await late.outcome
    assert not room.stalled
    assert await room.emptied()


async def test_records_stay_counted_after_their_caller_has_timed_out(room: WaitingRoom) -> None:
    ticket = await stalled(room)
    assert room.bytes == SIZE
    room.settle([ticket])
    assert room.bytes == 0
    assert not ticket.records


async def test_a_stalled_room_refuses_at_once(room: WaitingRoom) -> None:
    ticket = await stalled(room)
    started = asyncio.get_running_loop().time()
    with pytest.raises(LogUnavailable, match="the log x does not answer"):
        room.admit([record(2)])
    assert asyncio.get_running_loop().time() - started < 0.1
    room.settle([ticket])


async def test_the_outstanding_write_ends_the_stall_when_it_succeeds(room: WaitingRoom) -> None:
    room.settle([await stalled(room)])
    assert not room.stalled
    room.settle([room.admit([record(2)])])


async def test_the_outstanding_write_does_not_end_the_stall_when_it_fails(
    room: WaitingRoom, answer: Answer
) -> None:
    room.settle([await stalled(room)], LogUnavailable("no"))
    assert room.stalled
    answer.trouble = None
    await well_again(room)


async def test_a_probe_ends_the_stall_as_soon_as_the_log_answers(
    room: WaitingRoom, answer: Answer
) -> None:
    ticket = await stalled(room)
    async with asyncio.timeout(5):
        while answer.asked < 2:
            await asyncio.sleep(0.01)
    assert room.stalled
    answer.trouble = None
    await well_again(room)
    assert answer.asked == 3
    room.settle([ticket])


async def test_a_probe_that_fails_unforeseen_is_said_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = 0

    async def probe() -> None:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise KeyError("(1, DEFAULT)")

    room = WaitingRoom("the log x", probe, waiting_bytes=10 * SIZE, durable_within=WITHIN)
    ticket = await stalled(room)
    await well_again(room)
    assert asked == 3
    said = [line for line in caplog.messages if "is asked again" in line]
    assert said == ["the log x is asked again, for: KeyError"]
    room.settle([ticket])
    await room.emptied()


async def test_a_room_that_has_recovered_stalls_again(room: WaitingRoom) -> None:
    for _ in range(2):
        room.settle([await stalled(room)])
        assert not room.stalled


async def test_emptying_waits_for_what_is_under_way(room: WaitingRoom) -> None:
    ticket = room.admit([record(1)])
    emptying = asyncio.create_task(room.emptied())
    await asyncio.sleep(0)
    with pytest.raises(LogUnavailable, match="the log x is closed"):
        room.admit([record(2)])
    assert not emptying.done()
    room.settle([ticket])
    assert await emptying


async def test_emptying_gives_up_when_the_time_is_over(room: WaitingRoom) -> None:
    ticket = room.admit([record(1)])
    assert not await room.emptied()
    with pytest.raises(LogUnavailable):
        await ticket.outcome


async def test_memory_stays_bounded_while_the_log_is_away_and_facts_pour_in() -> None:
    log = MemoryLog()
    most = 2**20
    writer = log.writer(waiting_bytes=most, durable_within=5)
    log.stop()
    refused = 0
    waiting: set[asyncio.Task[None]] = set()
    tracemalloc.start()
    try:
        for number in range(6_000):
            fact = NewRecord(VISITOR, b"%0800d" % number, NOW)
            call = asyncio.create_task(writer.append([fact]))
            await asyncio.sleep(0)
            if call.done():
                assert isinstance(call.exception(), LogFull)
                refused += 1
            else:
                waiting.add(call)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused > 4_500
    # Each waiting call also has a task of its own here, which is the caller's and not the log's.
    assert held < 4 * most
    log.resume()
    await asyncio.gather(*waiting)
    await writer.close()
    assert len(log.records()) == 6_000 - refused
