"""From a person who looks at a page to rows that people query, with the processes as they run."""

import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.installation import Installation
from tests.support.running import wait_until

pytestmark = pytest.mark.browser

WITHIN = 5.0
"""Seconds from the end of a look to its published row."""


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("kafka", marks=pytest.mark.real_broker)]
)
def dwell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    log = "embedded:"
    if request.param == "kafka":
        log = f"kafka://{request.getfixturevalue('kafka')}/facts-{uuid4().hex}"
    with Installation(tmp_path_factory.mktemp("whole"), log) as installation:
        yield installation


@pytest.fixture
def tab(browser: Chrome) -> Iterator[Chrome]:
    """The browser with a tab of its own in front; the blank one behind stays."""
    blank = browser.current_window_handle
    browser.switch_to.new_window("tab")
    yield browser
    browser.switch_to.window(blank)


def look(act: Callable[[], object], seconds: float) -> None:
    """Do what brings a page into view, and look at it."""
    began = time.monotonic()
    act()
    time.sleep(max(0, seconds - (time.monotonic() - began)))


PAGEVIEWS = """
    select view_name, engagement_time, json_extract_string(identity, '$.path')
    from pageview where session_id = ? order by started_at, pageview_id
"""


def session_of(browser: Chrome) -> str:
    cookie = browser.get_cookie("dwell_session")
    assert cookie is not None
    session: str = cookie["value"].partition(".")[0]
    return session


def test_three_seconds_on_page_a_are_a_row_within_five(dwell: Installation, tab: Chrome) -> None:
    look(lambda: tab.get(f"{dwell.origin}/page_a"), 3)
    session = session_of(tab)
    agent = tab.execute_script("return navigator.userAgent")
    tab.close()
    wait_until(lambda: settled(dwell, session, [3.0]), WITHIN)
    assert [(view, path) for view, _, path in dwell.ask(PAGEVIEWS, session)] == [
        ("dwell.site.pages.page_a.PageA", "/page_a")
    ]
    sessions = dwell.ask(
        "select browser_agent, pageviews from tracking_session where session_id = ?", session
    )
    assert sessions == [(agent, 1)]


def test_both_tabs_switched_in_place_are_rows_too(dwell: Installation, tab: Chrome) -> None:
    tab.delete_all_cookies()
    tab.get(f"{dwell.origin}/dwell/beacon.js")
    tab.delete_all_cookies()
    look(lambda: tab.get(f"{dwell.origin}/page_c/tab_1"), 3)
    look(lambda: tab.find_element(By.LINK_TEXT, "Tab 2").click(), 3)
    session = session_of(tab)
    tab.close()
    wait_until(lambda: settled(dwell, session, [3.0, 3.0]), WITHIN)
    assert [(view, path) for view, _, path in dwell.ask(PAGEVIEWS, session)] == [
        ("dwell.site.pages.page_c.tab_1.Tab1", "/page_c/tab_1"),
        ("dwell.site.pages.page_c.tab_2.Tab2", "/page_c/tab_2"),
    ]


def settled(dwell: Installation, session: str, expected: list[float]) -> bool:
    """Whether the published engagement times of a session are these, each within 0.25 s."""
    found = [seconds for _, seconds, _ in dwell.ask(PAGEVIEWS, session)]
    return found == pytest.approx(expected, abs=0.25)
