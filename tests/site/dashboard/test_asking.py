"""Questions to the warehouse: each asked once, few at a time, no more than may wait."""

import asyncio
import threading

import pytest

from dwell.site.dashboard.asking import Asking, Kept
from dwell.site.dashboard.refusals import Cause, Refused


async def test_who_asks_the_same_at_the_same_time_shares_one_answer() -> None:
    asking = Asking()
    go, asked = threading.Event(), []

    def answer() -> str:
        asked.append(1)
        assert go.wait(30)
        return "42"

    waiting = [asyncio.create_task(asking.run("question", answer)) for _ in range(10)]
    other = asyncio.create_task(asking.run("another", lambda: "43"))
    assert await other == "43"
    go.set()
    assert await asyncio.gather(*waiting) == ["42"] * 10
    assert len(asked) == 1
    assert await asking.run("question", lambda: "later") == "later"
    asking.close()


async def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    asking = Asking()
    go = threading.Event()

    def answer() -> str:
        assert go.wait(30)
        return "42"

    gone = asyncio.create_task(asking.run("question", answer))
    stays = asyncio.create_task(asking.run("question", answer))
    await asyncio.sleep(0)
    gone.cancel()
    go.set()
    assert await stays == "42"
    asking.close()


async def test_what_nobody_waits_for_any_more_is_not_asked() -> None:
    asking = Asking(threads=1)
    go = threading.Event()
    busy = asyncio.create_task(asking.run("busy", lambda: go.wait(30)))
    await asyncio.sleep(0)
    given_up = [asyncio.create_task(asking.run("question", lambda: "old")) for _ in range(2)]
    kept = [asyncio.create_task(asking.run("kept", lambda: "kept")) for _ in range(2)]
    await asyncio.sleep(0)
    for each in (*given_up, kept[0]):
        each.cancel()
    await asyncio.wait(given_up)
    # Who asks the same now does not get what was given up.
    again = asyncio.create_task(asking.run("question", lambda: "new"))
    await asyncio.sleep(0)
    go.set()
    assert (await busy, await again, await kept[1]) == (True, "new", "kept")
    asking.close()


async def test_a_failure_is_everybody_s_and_is_not_remembered() -> None:
    asking = Asking()

    def fail() -> str:
        raise ValueError("no")

    failing = [asyncio.create_task(asking.run("question", fail)) for _ in range(2)]
    ended = await asyncio.gather(*failing, return_exceptions=True)
    assert [str(each) for each in ended] == ["no", "no"]
    assert await asking.run("question", lambda: "yes") == "yes"
    asking.close()


async def test_what_is_too_much_is_refused_at_once() -> None:
    asking = Asking(threads=1, most=2)
    go = threading.Event()
    waiting = [asyncio.create_task(asking.run(number, lambda: go.wait(30))) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refused:
        await asking.run("one more", lambda: None)
    assert refused.value.cause is Cause.BUSY
    assert refused.value.headers == {"retry-after": "1"}
    again = asyncio.create_task(asking.run(0, lambda: None))  # asks nothing new
    go.set()
    assert await asyncio.gather(*waiting, again) == [True, True, True]
    asking.close()


def test_answers_are_kept_up_to_so_many_bytes() -> None:
    kept = Kept(100)
    for name in "abcde":
        kept.keep(name, name.encode() * 20)
    assert kept.find("a") == b"a" * 20
    kept.keep("f", b"f" * 20)  # "b" was longest unused
    assert [name for name in "abcdef" if kept.find(name) is None] == ["b"]
    kept.keep("large", b"x" * 26)
    assert kept.find("large") is None
    kept.keep("a", b"A" * 10)
    assert kept.find("a") == b"A" * 10
