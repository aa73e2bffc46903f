"""The figures of a projector, asked by several at once."""

import asyncio

from dwell.consumers.figures import _Asked


async def test_who_asks_at_the_same_time_gets_the_same_answer() -> None:
    put: list[int] = []

    async def question() -> int:
        put.append(1)
        await asyncio.sleep(0)
        return 5

    asked = _Asked(question)
    await asyncio.gather(asked.ask(), asked.ask())
    assert (asked.found, put) == (5, [1])
