"""Which publication is shown: a new one when what is asked of it is answered, and not much later."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest
import pytest_asyncio

from dwell.errors import WarehouseError
from dwell.settings import Settings
from dwell.site.dashboard import ahead, newest
from dwell.site.dashboard.ahead import RECENT, Ahead
from dwell.site.dashboard.asking import Asking
from dwell.site.dashboard.data import OPENED
from dwell.site.dashboard.newest import Newest, Shown
from dwell.warehouse.panels import Board, Selection, panels
from tests.support.dashboards import dashboard
from tests.support.publishing import publish
from tests.support.running import wait_until


@pytest_asyncio.fixture
async def looked_at(tmp_path: Path) -> AsyncIterator[Newest]:
    """What is shown of a publication with one pageview."""
    path = publish(tmp_path, [1])
    board, asking = Board(path), Asking()
    looked_at = Newest(path, board, asking)
    await looked_at.shown()
    yield looked_at
    asking.close()
    board.close()


async def turns_into(another: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await another():
            await asyncio.sleep(0.01)


async def test_a_publication_is_shown_when_it_is_answered(
    looked_at: Newest, tmp_path: Path
) -> None:
    answered = asyncio.Event()
    asked: list[Shown] = []

    async def answer(shown: Shown) -> None:
        asked.append(shown)
        await answered.wait()

    looked_at.before_shown(answer)
    first = await looked_at.shown()
    publish(tmp_path, [2])

    async def is_asked() -> bool:
        assert await looked_at.shown() == first
        return bool(asked)

    async def is_shown() -> bool:
        return await looked_at.shown() != first

    await turns_into(is_asked)
    answered.set()
    await turns_into(is_shown)
    assert await looked_at.shown() == asked[0]
    assert asked[0].publication.identity != first.publication.identity
    assert len(asked) == 1


async def test_one_that_is_not_answered_in_time_is_shown_all_the_same(
    looked_at: Newest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "PATIENCE_SECONDS", 0.01)

    async def never(shown: Shown) -> None:
        await asyncio.Event().wait()

    looked_at.before_shown(never)
    first = await looked_at.shown()
    publish(tmp_path, [2])

    async def is_shown() -> bool:
        return await looked_at.shown() != first

    await turns_into(is_shown)


async def test_who_comes_after_a_long_time_waits_for_the_newest(
    looked_at: Newest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "LATE_SECONDS", -1.0)
    first = await looked_at.shown()
    publish(tmp_path, [2])
    assert (await looked_at.shown()).publication.identity != first.publication.identity


async def test_who_comes_when_nobody_was_there_does_not_wait_for_the_pause(
    looked_at: Newest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "SHARE", 1e9)
    looked_at.before_shown(lambda shown: asyncio.sleep(0.001))
    first = await looked_at.shown()
    shown_before = [first]

    async def is_another() -> bool:
        return await looked_at.shown() not in shown_before

    for pageviews in (2, 3):
        monkeypatch.setattr(newest, "ALONE_SECONDS", -1.0)
        publish(tmp_path, [pageviews])
        assert looked_at.is_behind()
        assert await looked_at.shown() in shown_before
        monkeypatch.setattr(newest, "ALONE_SECONDS", 60.0)
        await turns_into(is_another)
        assert not looked_at.is_behind()
        shown_before.append(await looked_at.shown())


async def test_who_goes_on_looking_waits_for_the_pause(
    looked_at: Newest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "SHARE", 1e9)
    monkeypatch.setattr(newest, "ALONE_SECONDS", -1.0)
    looked_at.before_shown(lambda shown: asyncio.sleep(0.001))
    first = await looked_at.shown()
    publish(tmp_path, [2])

    async def is_another() -> bool:
        return await looked_at.shown(comes=False) != first

    await turns_into(is_another)
    second = await looked_at.shown(comes=False)
    publish(tmp_path, [3])
    for _ in range(20):
        assert await looked_at.shown(comes=False) == second
        await asyncio.sleep(0.01)
    assert looked_at.is_behind()


async def test_one_that_cannot_be_read_is_told_of(looked_at: Newest, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"x" * 4096)
    broken.replace(tmp_path / "warehouse.duckdb")

    async def is_told() -> bool:
        try:
            await looked_at.shown()
        except WarehouseError as error:
            return "is no DuckDB file" in str(error)
        return False

    await turns_into(is_told)


async def test_now_moves_on_though_nothing_is_published(
    looked_at: Newest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "NOW_SECONDS", 0.0)
    first = await looked_at.shown()

    async def is_later() -> bool:
        shown = await looked_at.shown()
        assert shown.publication == first.publication
        return shown.at > first.at

    await turns_into(is_later)


def test_nobody_waits_for_what_was_asked_of_the_publication_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[tuple[str, str | None]] = []
    answer = Board.answer

    def noted(board: Board, panel: str, selection: Selection, *rest: object) -> object:
        answered.append((panel, selection.browser))
        return answer(board, panel, selection, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Board, "answer", noted)
    monkeypatch.setattr(ahead, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(newest, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(newest, "SHARE", 0)
    everything = {(panel.name, None) for panel in panels() if panel.name != "live"}
    publish(tmp_path, [1])
    with dashboard(Settings(data=tmp_path)) as client:
        wait_until(lambda: everything <= set(answered))
        answered.clear()
        first = client.get("/panels/views.json").headers["ETag"]
        assert answered == [], "the board without a filter is answered before anybody asks"
        client.get("/panels/views.json?browser=Firefox")
        assert answered == [("views", "Firefox")]
        answered.clear()
        publish(tmp_path, [2])
        wait_until(lambda: client.get("/panels/views.json").headers["ETag"] != first)
        assert set(answered) == everything | {("views", "Firefox")}
        answered.clear()
        client.get("/panels/views.json?browser=Firefox")
        client.get("/panels/totals.json")
        assert answered == []


async def test_while_somebody_looks_what_nobody_asks_is_answered_at_times_alone(
    looked_at: Newest,
) -> None:
    shown = await looked_at.shown()
    answered: list[str] = []

    async def answer(name: str, _: datetime) -> None:
        answered.append(name)

    asking = Ahead()
    asking.always("beneath", partial(answer, "beneath"))
    asking.note("seen", partial(answer, "seen"))
    for _ in range(3):
        await asking.ask(shown)
        asking.note("seen", partial(answer, "seen"))
    assert answered == ["seen", "beneath", "seen", "seen"]


async def test_what_nobody_has_asked_of_the_last_publications_is_not_answered_ahead(
    looked_at: Newest,
) -> None:
    shown = await looked_at.shown()
    answered: list[int] = []

    async def answer(_: datetime) -> None:
        answered.append(1)

    asking = Ahead()
    asking.note("once", answer)
    for _ in range(RECENT + 2):
        await asking.ask(shown)
    assert len(answered) == RECENT


def test_what_is_answered_ahead_is_what_the_page_asks() -> None:
    figures = (files("dwell.site.dashboard") / "static" / "figures.js").read_text("utf-8")
    [weeks] = re.findall(r"^const WEEKS = (\d+);$", figures, re.MULTILINE)
    assert {"retention": {"since": f"{weeks}w"}} == OPENED
