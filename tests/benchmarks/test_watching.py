"""The benchmark of ten open dashboards: its figures, and its clients that ask as a page does."""

import asyncio
import re
from io import StringIO
from pathlib import Path

import pytest

from benchmarks.audience import fill
from benchmarks.watchers import LEAST_PAUSE, SHARE, Habits, Shown, watch
from benchmarks.watching import (
    COMMITTED,
    LIVE,
    NONE,
    PUBLISHED,
    SHOWN,
    TEN,
    Block,
    Noted,
    figures_of,
    lines_of,
    rows,
)
from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from tests.support.serving import serving

LIVE_JS = Path(__file__).parents[2] / "site" / "dashboard" / "static" / "live.js"
NOTED = Noted(
    pages=[(100 + number / 10, 0.001 * (number + 1)) for number in range(100)],
    received=[(100 + number / 10, number + 1) for number in range(100)],
    committed=[(99, 0), (105, 50)],
    published=[(99, 0), (107, 50)],
    offsets={"one": 50},
    shown=[Shown(108.0, 0, "one", 0.5), Shown(104.0, 1, "one", 0.3)],
)


def test_a_block_has_its_own_pages_facts_and_lags() -> None:
    block = Block(105, 110, {"site": 1.0})
    figures = figures_of(block, NOTED, NONE)
    assert figures["a page, p50"] == pytest.approx(76_000)
    assert figures["facts"] == 10
    assert figures["processor, site"] == 200
    assert figures[f"{COMMITTED}, most"] == pytest.approx(5.1, abs=0.1)
    assert figures[f"{PUBLISHED}, most"] == pytest.approx(7, abs=0.1)
    assert not any(what.startswith(SHOWN) for what in figures)


def test_with_dashboards_open_it_has_what_they_showed() -> None:
    figures = figures_of(Block(108, 110, {}), NOTED, TEN)
    assert figures[f"{SHOWN}, most"] == pytest.approx(5.1, abs=0.1)
    assert figures["one time of asking"] == pytest.approx(0.4)
    assert figures["asked again by each"] == 15


def test_only_pages_are_compared_in_pairs() -> None:
    figures = {
        (NONE, "a page, p50"): [100.0, 200.0, 220.0],
        (TEN, "a page, p50"): [101.0, 204.0, 220.0],
        (NONE, f"{COMMITTED}, most"): [1.0],
        (TEN, f"{COMMITTED}, most"): [2.0],
    }
    found = {row.what: row for row in rows(figures)}
    assert found[f"{TEN}: a page, p50"].ratio == pytest.approx(1.01)
    assert found["ten open against none: a page, p50"].values == pytest.approx([1.01, 1.02, 1])
    assert found["none open against itself: a page, p50"].values == pytest.approx([1.1])
    assert found[f"{TEN}: {COMMITTED}, most"].ratio is None
    assert found[f"{TEN}: {COMMITTED}, most"].aim == "under 5"


def test_clients_wait_as_the_page_does() -> None:
    text = LIVE_JS.read_text()
    [pause] = re.findall(r"LEAST_PAUSE = (\d+);", text)
    [share] = re.findall(r"SHARE = (\d+);", text)
    assert (float(pause) / 1000, int(share)) == (LEAST_PAUSE, SHARE)


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("[1]\n[2]\n[3")
    assert list(lines_of(tmp_path / "lines")) == [[1], [2]]


async def test_clients_show_what_there_is_when_they_are_opened(tmp_path: Path) -> None:
    fill(tmp_path / "warehouse.duckdb", visitors=50, weeks=1)
    app = create_dashboard(Settings(data=tmp_path))
    with serving(app) as origin:
        paths = ["/", "/panels.ndjson?panels=totals,series"]
        habits = Habits(origin, 2, paths, paths, LIVE)
        habits.write(tmp_path / "habits")
        lines = StringIO()
        watching = asyncio.create_task(watch(Habits.read(tmp_path / "habits"), lines))
        async with asyncio.timeout(60):
            while lines.getvalue().count("\n") < habits.pages:
                await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.wait([watching])
        app.state.streams.close()
    told = [Shown(*line) for line in lines_of(_written(tmp_path / "lines", lines.getvalue()))]
    assert {each.page for each in told} == {0, 1}
    assert len({each.publication for each in told}) == 1


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
