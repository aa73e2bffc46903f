"""The benchmark of the dashboard in a browser: what it loads, and what a click comes to."""

from pathlib import Path

import pytest

from benchmarks.audience import fill
from benchmarks.dashboard import (
    COMPLETE,
    HEADLINE,
    LOADED,
    PARTS,
    SEEN,
    SETTLED,
    WHOLE,
    Request,
    Visit,
    clicked,
    opened,
    weight,
)
from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from tests.support.browsers import NoBrowser, open_browser
from tests.support.serving import serving

PERIOD = "?since=2025-11-25&until=2025-12-16"


def requested(path: str, size: int) -> Request:
    """A request that took no time."""
    return Request(path=path, bytes=size, asked=0, sent=0, answered=0, ended=0)


def test_a_visit_weighs_what_its_parts_do() -> None:
    sizes = {
        "/": 1,
        "/assets/4711/static/vega.js": 20,
        "/assets/4711/static/charts.json": 300,
        "/assets/4711/static/dashboard.css": 4_000,
        "/assets/4711/static/dwell.svg": 50_000,
        "/panels.ndjson": 600_000,
        "/sessions.json": 7_000_000,
    }
    requests = [requested(path, size) for path, size in sizes.items()]
    weights = weight(Visit({}, requests))
    assert [weights[part] for part in PARTS] == [1, 320, 54_000, 7_600_000]
    assert weights[WHOLE] == 7_654_321


@pytest.mark.browser
@pytest.mark.long
def test_a_visit_and_a_click_are_timed_to_the_last_panel(tmp_path: Path) -> None:
    fill(tmp_path / "warehouse.duckdb", visitors=300, weeks=4)
    app = create_dashboard(Settings(data=tmp_path))
    try:
        with serving(app) as origin, open_browser() as browser:
            browser.set_script_timeout(60)
            opened(browser, f"{origin}/{PERIOD}")
            seen = browser.execute_script(LOADED)
            drawn = clicked(browser, "[data-key='browser=Firefox']")
            again = clicked(browser, "bots=include")
            app.state.streams.close()
    except NoBrowser as error:
        pytest.skip(str(error))
    assert 0 < seen["painted"] < seen["drawn"][HEADLINE] <= seen["drawn"][COMPLETE]
    assert seen["requests"][0]["path"] == "/"
    assert weight(Visit({}, seen["requests"]))["data"] > 0
    for each in (drawn, again):
        assert 0 < each[SEEN] <= each[SETTLED]
