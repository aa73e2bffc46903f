"""A simulated month, its dashboard, and one browser that looks at it."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from selenium.webdriver import Chrome

from dwell.commands.simulate.journeys import Visits
from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard, streams
from tests.browser.dashboard.looking import PERIOD, ZONE, Board, Month
from tests.support.browsers import NoBrowser, open_browser
from tests.support.facts import Projected
from tests.support.publishing import copy_of
from tests.support.serving import serving
from tests.support.simulated import stored

HASTE = """{
  const pause = setTimeout;
  window.setTimeout = (work, ms) => pause(work, ms / 20);
  const every = setInterval;
  window.setInterval = (work, ms) => (ms < 30_000 ? every(work, ms) : 0);
  window.told = 0;
  window.EventSource = class extends EventSource {
    constructor(address) {
      super(address);
      this.addEventListener("published", () => (window.told += 1));
    }
  };
}"""
"""Pauses of the page are a twentieth as long, what it does twice a minute at most it does not, and `told` is how many publications it was told of."""


@pytest.fixture(scope="package")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """Some three hundred visits of eight weeks, two before the period that tests look at."""
    folder = tmp_path_factory.mktemp("month")
    began, ended = datetime(2025, 10, 6, tzinfo=UTC), datetime(2025, 11, 25, tzinfo=UTC)
    since, until = (round(moment.timestamp() * 1000) for moment in (began, ended))
    visits = Visits(seed=3, visitors=200, since=since, until=until, timezone=ZONE)
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(stored(visits)).project(20_000)
        copy_of(projected.warehouse, folder)
    return Month(folder)


@pytest.fixture(scope="package")
def origin(month: Month) -> Iterator[str]:
    """Where the month's dashboard is."""
    app = create_dashboard(Settings(data=month.folder, timezone=ZONE))
    with serving(app) as origin:
        yield origin
        app.state.streams.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Chrome]:
    """One Chromium for all of these tests."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(open_browser(arguments=("--window-size=1280,900",)))
        except NoBrowser as error:
            pytest.skip(str(error))


@pytest.fixture
def board(browser: Chrome, origin: str) -> Board:
    """The dashboard of the period, with everything drawn."""
    return Board(browser, origin).open(PERIOD)


@pytest.fixture
def haste(browser: Chrome) -> Iterator[None]:
    command = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HASTE})
    yield
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", command)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publications are told as they come."""
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(streams, "EVENT_SECONDS", 0.05)
