"""The clock: scripts that come late, time that nobody saw pass, and time of day that jumps."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.browsers import NoBrowser
from tests.support.engines import Browser, opened
from tests.support.engines.clock import own_clock
from tests.support.scenarios import scenario
from tests.support.visits import Truth, Visits

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hasty_one(engine: str) -> Iterator[Browser]:
    """A browser whose driver does not wait for slow scripts."""
    try:
        with opened(engine, hasty=True) as browser:
            yield browser
    except NoBrowser as error:
        pytest.skip(str(error))


@scenario("the script arrives {} late, visible throughout {}", 3, 8, short=(1.5, 2))
def test_a_script_that_comes_late_misses_nothing(
    visits: Visits, hasty_one: Browser, seconds: tuple[float, ...]
) -> None:
    late, length = seconds
    tab, truth = hasty_one.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/test/late?late={late}"))
    time.sleep(length)
    truth.hides(tab.hide)
    (seen,) = visits.are(truth)
    assert seen.states[0] == ("visible", 0.0)
    assert seen.first["delay_ms"] > (late - 0.1) * 1000


@scenario(
    "the script arrives {} late, when the page was seen for {} and is hidden",
    3,
    2,
    short=(1.5, 0.7),
)
def test_a_script_that_comes_after_the_look_counts_it(
    visits: Visits, hasty_one: Browser, seconds: tuple[float, ...]
) -> None:
    late, length = seconds
    tab, truth = hasty_one.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/test/late?late={late}"))
    time.sleep(length)
    truth.hides(tab.hide)
    (seen,) = visits.are(truth)
    assert [state for state, _ in seen.states] == ["visible", "hidden"]
    assert seen.facts[1]["delay_ms"] > (late - length - 0.3) * 1000


@scenario("the computer sleeps for {} between vis {} and vis {}", 20, 4, 4, long=True)
def test_a_sleeping_computer_adds_three_seconds_at_most(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    asleep, before, after = seconds
    browser = new_browser()
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(before)
    truth.pauses(lambda: browser.sleep(asleep), asleep)
    time.sleep(after)
    truth.hides(tab.close)
    visits.are(truth, adds=3)


@scenario("the page's process is stopped for {} between vis {} and vis {}", 6, 2, 2, long=True)
def test_a_stopped_process_adds_three_seconds_at_most(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    stopped, before, after = seconds
    browser = new_browser()
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    time.sleep(before)
    truth.pauses(lambda: browser.stop_pages(stopped), stopped)
    time.sleep(after)
    truth.hides(tab.close)
    visits.are(truth, adds=3)


@scenario("the page's script computes for {} without a pause, vis throughout", 3.8)
def test_a_blocked_main_thread_counts_in_full(
    visits: Visits, browser: Browser, seconds: tuple[float, ...]
) -> None:
    (blocked,) = seconds
    tab, truth = browser.new_tab(), Truth()
    truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
    tab.run(
        """
        const milliseconds = arguments[0] * 1000;
        setTimeout(() => {
          for (const end = performance.now() + milliseconds; performance.now() < end; );
        }, 50)
        """,
        blocked,
    )
    time.sleep(0.2)
    assert tab.run("return document.visibilityState") == "visible"  # once it answers
    truth.hides(tab.close)
    visits.are(truth)


@scenario(
    "the time of day jumps ahead by an hour, vis {}, and back by a day, vis {}",
    2,
    2,
    short=(0.5, 0.5),
)
def test_a_change_of_the_time_of_day_changes_nothing(
    visits: Visits, new_browser: Callable[..., Browser], seconds: tuple[float, ...]
) -> None:
    with ExitStack() as stack:
        clock = stack.enter_context(own_clock())
        browser = new_browser(clock=clock)
        tab, truth = browser.new_tab(), Truth()
        clock.set(3600)
        truth.shows(lambda: tab.go(f"{visits.origin}/page_a"))
        time.sleep(seconds[0])
        before = tab.run("return Date.now()")
        clock.set(-86400)
        assert tab.run("return Date.now()") < before - 80_000_000
        time.sleep(seconds[1])
        truth.hides(tab.close)
        (seen,) = visits.are(truth)
        assert all(fact["delay_ms"] < 1000 for fact in seen.facts.values())
