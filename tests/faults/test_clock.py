"""The machine's clock is set a day ahead and two days back under a running site and projector: every
fact is kept, rows come together, and the visitor stays who they are."""

import json
import urllib.request
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests.support.clocks import Clock
from tests.support.collecting import distinct
from tests.support.installation import Installation
from tests.support.running import wait_until
from tests.support.wire import SESSION, body

DAY = 86_400
STEPS = (0, DAY, -DAY, 0)
WITHIN = 60.0


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def dwell(clock: Clock, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "dwell", settings={"publish_seconds": 0.2})
    installation.environ |= clock.environment
    with installation:
        yield installation


class Visitor:
    """Keeps the cookie that the collector sets, as a browser does."""

    def __init__(self, dwell: Installation) -> None:
        self._dwell = dwell
        self.cookie = ""

    def send(self, *facts: dict[str, Any]) -> None:
        """Facts that are kept; the cookie is renewed for as long as ever."""
        headers = {"content-type": "text/plain", "cookie": self.cookie}
        url = f"{self._dwell.origin}/dwell/facts"
        with urllib.request.urlopen(urllib.request.Request(url, body(*facts), headers)) as answer:
            assert answer.status == 204
            set_ = SimpleCookie(answer.headers["set-cookie"])["dwell_visitor"]
        assert set_["max-age"] == "34560000"
        assert self.cookie in ("", f"dwell_visitor={set_.value}"), "another visitor"
        self.cookie = f"dwell_visitor={set_.value}"


def viewed(number: int) -> dict[str, Any]:
    """A pageview of the one session."""
    return distinct(number) | {"session_id": SESSION}


def left(number: int) -> dict[str, Any]:
    """The same one is left after three seconds."""
    seen = {"seq": 1, "visibility": "hidden", "engagement_ms": 3000, "age_ms": 3000}
    return viewed(number) | {"type": "page.visibility_changed"} | seen


@pytest.mark.parametrize("replayed", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_clock_that_is_set_loses_nothing_and_splits_nothing(
    replayed: bool, clock: Clock, dwell: Installation, tmp_path: Path
) -> None:
    visitor = Visitor(dwell)
    for number, seconds in enumerate(STEPS):
        clock.set(seconds)
        visitor.send(viewed(number), *([left(number - 1)] if number else []))
        wait_until(lambda count=number + 1: len(dwell.ask(PAGEVIEWS)) == count, WITHIN)  # type: ignore[misc]
        assert ready(dwell) == {"ready": True}
    visitor.send(left(len(STEPS) - 1))
    engaged = [(viewed(number)["pageview_id"], 3.0, 1) for number in range(len(STEPS))]
    wait_until(lambda: dwell.ask(PAGEVIEWS) == engaged, WITHIN)
    assert dwell.ask(SESSIONS) == [(SESSION, len(STEPS), True)]
    [(days,)] = dwell.ask(SPAN)
    assert days == 2, "facts are dated by the clock as it was"
    if replayed:
        again = tmp_path / "again.duckdb"
        dwell.dwell("replay", str(again))
        assert "the same" in dwell.dwell("verify", str(dwell.data / "warehouse.duckdb"), str(again))


PAGEVIEWS = "select pageview_id::varchar, engagement_time, last_seq from pageview order by 1"
SESSIONS = """
    select session_id::varchar, pageviews, visitor_id = session_id and other_visitor_ids is null
    from tracking_session
"""
SPAN = """
    select date_diff('day', min(first_received_at), max(first_received_at)) from visibility_change
"""


def ready(dwell: Installation) -> Any:
    with urllib.request.urlopen(f"{dwell.origin}/dwell/health/ready", timeout=10) as answer:
        return json.load(answer)
