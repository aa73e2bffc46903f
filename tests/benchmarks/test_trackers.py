"""Trackers on a page of the site, in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.looks import SCENARIOS, Scenario, Visitor, visitor_of
from benchmarks.npm import NoPackages, bring
from benchmarks.rivals import DWELL, RIVALS, WEB_VITALS, Tracker
from benchmarks.stands import Stand, stand_of
from benchmarks.trackers import read, visit
from tests.support.browsers import NoBrowser
from tests.support.running import wait_until
from tests.support.visits import Truth

pytestmark = pytest.mark.browser


def a_second(visitor: Visitor) -> list[Truth]:
    """1 s, then the tab is closed."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(1)
    truth.hides(visitor.browser.close)
    return [truth]


@contextmanager
def visited(tracker: Tracker) -> Iterator[tuple[Stand, Visitor]]:
    """A stand with that tracker, and somebody who visits it."""
    try:
        with stand_of(tracker) as stand, visitor_of(stand.origin) as visitor:
            yield stand, visitor
    except NoBrowser as error:
        pytest.skip(str(error))


def test_dwell_tells_the_truth_of_a_second() -> None:
    scenario = Scenario(a_second)
    with visited(DWELL) as (stand, visitor):
        truths = scenario.act(visitor)
        wait_until(lambda: scenario.is_right(stand.seconds, truths), within=5)


@pytest.fixture(scope="module")
def packages() -> None:
    try:
        bring()
    except NoPackages as error:
        pytest.skip(str(error))


@pytest.mark.long
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("tracker", [DWELL, *RIVALS], ids=lambda tracker: tracker.name)
def test_every_tracker_tells_of_six_seconds(tracker: Tracker) -> None:
    with visited(tracker) as (stand, visitor):
        (seconds,) = visit("read 6, close")(stand, visitor).seconds
    assert seconds is not None
    assert 4.5 <= seconds <= 8


@pytest.mark.long
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("tracker", [DWELL, WEB_VITALS], ids=lambda tracker: tracker.name)
def test_a_tracker_has_a_cost(tracker: Tracker) -> None:
    with visited(tracker) as (stand, visitor):
        cost = read(stand, visitor, seconds=4)
    assert cost.load > 0
    assert cost.requests > 0
    assert stand.weight > 1000


@pytest.mark.parametrize(
    ("seconds", "right"),
    [
        ([6.2], True),
        ([3.8], True),
        ([6.3], False),
        ([3.7], False),
        ([None], False),
        ([], False),
        ([6, 1], False),
    ],
)
def test_right_is_within_a_quarter_of_a_second_of_what_may_be_told(
    seconds: list[float | None], right: bool
) -> None:
    truth = Truth()
    truth.least = truth.most = 6.0
    assert Scenario(a_second, less=2).is_right(seconds, [truth]) == right


def test_every_scenario_says_what_is_done() -> None:
    assert all(scenario.act.__doc__ for scenario in SCENARIOS.values())
