"""The figures move by themselves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard, projecting, streams
from dwell.warehouse.live import LiveWarehouse
from tests.browser.dashboard.looking import PERIOD, Board
from tests.support import publishing
from tests.support.publishing import copy_of, publish
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("is_seen", "words"),
    [(True, "No projector is at work: figures of "), (False, "Nothing newer since ")],
    ids=["nobody projects", "nobody came"],
)
def test_a_site_that_is_quiet_is_told_from_figures_that_stand_still(
    browser: Chrome, origin: str, monkeypatch: pytest.MonkeyPatch, is_seen: bool, words: str
) -> None:
    monkeypatch.setattr(projecting, "sees_every_holder", lambda: is_seen)
    board = Board(browser, origin).open(PERIOD)
    board.wait("document.querySelector('#age').textContent")
    board.browser.execute_script("const now = Date.now; Date.now = () => now() + 600_000")
    board.wait(f"document.querySelector('#age').textContent.includes({words!r})")


def test_a_stream_that_ends_as_it_should_is_no_lost_connection(
    browser: Chrome, haste: None, quick: None, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(streams, "RETRY_MS", 100)
    board = Board(browser, origin).open(PERIOD)
    board.browser.execute_script(
        "window.said = new Set(); const age = document.querySelector('#age');"
        "new MutationObserver(() => said.add(age.textContent)).observe(age, {childList: true})"
    )
    board.wait("told > 3")
    assert not any("lost" in each for each in board.ask("[...said]"))
    monkeypatch.setattr(streams, "RETRY_MS", 60_000)
    board.wait("document.querySelector('#age').textContent.startsWith('Connection lost. ')")


def test_a_publication_shows_without_loading_the_page_anew(
    browser: Chrome,
    haste: None,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "live").mkdir()
    app = create_dashboard(Settings(data=tmp_path))
    with serving(app) as origin:
        board = Board(browser, origin).open("?since=2026-02-20&until=2026-03-05")
        assert "No data yet" in board.find("#totals").text
        board.browser.execute_script("document.body.dataset.same = 'page'")
        with LiveWarehouse(tmp_path / "live" / "warehouse.duckdb") as warehouse:
            copy_of(warehouse, tmp_path)
        board.wait(
            "document.querySelector('#totals .none')?.textContent.includes('dwell simulate')"
        )
        for panel in ("sessions_by_hour", "sessions", "tabs"):
            told = f"document.querySelector('#{panel} .none')?.textContent"
            board.wait(f"{told} === 'Nothing has come yet.'")
        publish(tmp_path, [4.0, 6.0])
        board.wait("document.querySelector('.tile[data-measure=total]')?.dataset.value === '10'")
        assert "ago" in board.find("#age").text
        board.find(".tile[data-measure=sessions]")
        publish(tmp_path, [20.0])
        board.wait("document.querySelector('.tile[data-measure=total]')?.dataset.value === '30'")
        wait_until(lambda: board.rows("views").popitem()[1][-1] == 3)
        assert board.ask("document.body.dataset.same") == "page"

        board.find("#sessions_by_hour summary").click()
        table = "document.querySelector('#sessions_by_hour .scroll')"
        board.wait(f"{table} !== null")
        board.ask(f"{table}.focus()")
        board.ask(f"{table}.scrollTop = 40")
        publish(tmp_path, [7.0])
        sum_of = "reduce((sum, {dataset}) => sum + Number(dataset.value), 0)"
        board.wait(f"[...{table}.querySelectorAll('td:last-child')].{sum_of} === 3")
        assert board.ask(f"document.activeElement === {table}")
        assert board.ask(f"{table}.scrollTop") == 40
        board.find("#pause").click()
        assert board.texts("#age")[0].startswith("Paused: figures of ")
        known = board.texts("#completeness .figure")
        served = (
            "fetch('panels/totals.json' + location.search).then((answer) => answer.json())"
            ".then(({ rows }) => rows[0].total)"
        )
        publish(tmp_path, [3.0])
        wait_until(lambda: board.ask(served) == 40)
        board.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 8000)))")
        assert board.headline()["total"] == 37
        board.ask("document.querySelector('#completeness').scrollIntoView()")
        board.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 1000)))")
        assert board.texts("#completeness .figure") == known
        # Who asks for something else gets what is newest, all of it.
        board.click("#devices a[data-key='device=desktop']")
        assert board.headline()["total"] == 40
        wait_until(lambda: board.texts("#completeness .figure") != known)
        publish(tmp_path, [2.0])
        board.find("#pause").click()
        board.wait("document.querySelector('.tile[data-measure=total]')?.dataset.value === '42'")
        board.click("#chips [data-filter=device]")
        # Who is here is told at the top, wherever the panel with it is.
        monkeypatch.setattr(publishing, "STARTED", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
        publish(tmp_path, [3.0])
        board.wait("document.querySelector('#now').dataset.visitors === '1'")
        board.browser.get("about:blank")
        app.state.streams.close()
