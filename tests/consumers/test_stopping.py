"""What is done before it is said to stop, what is done just after, and what is cancelled."""

import asyncio

import pytest

from dwell.consumers.stopping import Stopped, before


async def test_what_is_done_in_time_comes_back() -> None:
    assert await before(asyncio.Event(), asyncio.sleep(0, "done")) == "done"


async def test_what_fails_fails() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await before(asyncio.Event(), fail())


async def test_what_is_not_done_is_cancelled_and_has_ended() -> None:
    stopping, ended = asyncio.Event(), asyncio.Event()

    async def for_ever() -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    with pytest.raises(Stopped):
        await before(stopping, for_ever())
    assert ended.is_set()


async def test_what_needs_a_moment_more_has_it() -> None:
    stopping = asyncio.Event()
    stopping.set()
    assert await before(stopping, asyncio.sleep(0.02, "done"), grace=30) == "done"


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    begun = asyncio.Event()

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.create_task(before(asyncio.Event(), for_ever()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}
