"""A session as it is drawn: when each of its pageviews could be seen."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dwell.rules import Rules
from dwell.warehouse.panels import Board, Timeline
from tests.support.facts import NOW, Projected, Stored, glimpse, uuid7
from tests.support.publishing import copy_of

Drawn = list[tuple[str, float, float]]

VISIBLE, HIDDEN = "visible", "hidden"


def fact(seq: int, visibility: str, age: float, engagement: float, **more: Any) -> Stored:
    """A fact so many seconds after its pageview began, of which so many were seen."""
    return glimpse(
        seq=seq,
        visibility=visibility,
        age_ms=round(age * 1000),
        engagement_ms=round(engagement * 1000),
        received_at=NOW + round(age * 1000),
        **more,
    )


def timeline(
    folder: Path, *facts: Stored, session: str = uuid7(1), rules: Rules | None = None
) -> Timeline | None:
    with Projected(folder / "live" / "warehouse.duckdb", rules=rules) as projected:
        projected.append(facts).project()
        published = copy_of(projected.warehouse, folder)
    board = Board(published)
    try:
        return board.timeline(session)
    finally:
        board.close()


def drawn(folder: Path, *facts: Stored, rules: Rules | None = None) -> Drawn:
    """The stretches of the only pageview, in seconds from its beginning."""
    found = timeline(folder, *facts, rules=rules)
    assert found is not None
    [line] = found.pageviews
    began = line.facts["started_at"]
    return [
        (each.state, (each.since - began).total_seconds(), (each.until - began).total_seconds())
        for each in line.stretches
    ]


def test_a_page_is_visible_from_one_fact_to_the_next_until_one_says_hidden(tmp_path: Path) -> None:
    assert drawn(
        tmp_path,
        fact(0, VISIBLE, 0, 0),
        fact(1, VISIBLE, 5, 5),
        fact(2, HIDDEN, 8, 8),
        fact(3, VISIBLE, 60, 8),
        fact(4, HIDDEN, 63, 11),
    ) == [("visible", 0, 8), ("hidden", 8, 60), ("visible", 60, 63)]


def test_while_a_computer_sleeps_nobody_knows(tmp_path: Path) -> None:
    assert drawn(tmp_path, fact(0, VISIBLE, 0, 0), fact(1, HIDDEN, 600, 8)) == [("unknown", 0, 600)]


def test_seconds_that_count_fill_the_gap_of_a_lost_fact_or_leave_it_unknown(tmp_path: Path) -> None:
    assert drawn(
        tmp_path,
        fact(0, VISIBLE, 0, 0),
        fact(2, VISIBLE, 20, 20),  # nothing else can have been
        fact(4, HIDDEN, 60, 30),  # seen in ten seconds of forty
        fact(6, HIDDEN, 80, 30),  # not seen at all
    ) == [("visible", 0, 20), ("unknown", 20, 60), ("hidden", 60, 80)]


def test_beyond_a_cap_of_the_rules_the_facts_still_tell_what_was_visible(tmp_path: Path) -> None:
    assert drawn(
        tmp_path,
        fact(0, VISIBLE, 0, 0),
        fact(1, VISIBLE, 40, 40),
        fact(2, HIDDEN, 90, 90),  # thirty seconds of it do not count
        fact(3, VISIBLE, 200, 90),
        fact(4, VISIBLE, 260, 150),
        fact(5, HIDDEN, 4_000, 153),  # the computer slept
        fact(7, HIDDEN, 4_010, 163),  # a fact is lost
        rules=Rules(engagement_cap=60),
    ) == [
        ("visible", 0, 90),
        ("hidden", 90, 200),
        ("visible", 200, 260),
        ("unknown", 260, 4_010),
    ]


def test_a_pageview_whose_first_facts_are_lost_is_drawn_from_its_beginning(tmp_path: Path) -> None:
    assert drawn(tmp_path, fact(2, HIDDEN, 10, 10)) == [("visible", 0, 10)]


def test_a_session_has_its_pageviews_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    later = fact(0, VISIBLE, 30, 0, pageview=2, previous=1, identity={"path": "/b", "title": "B"})
    found = timeline(tmp_path, fact(0, VISIBLE, 0, 0), fact(1, HIDDEN, 9, 9), later)
    assert found is not None
    plain = found.plain()
    assert plain["session"]["visitor_id"] == uuid7(1)
    assert plain["session"]["browser"] == "Firefox"
    began = datetime.fromtimestamp(NOW / 1000, UTC).replace(tzinfo=None)
    assert plain["session"]["started_at"] == f"{began.isoformat(timespec='milliseconds')}Z"
    first, second = plain["pageviews"]
    ended = began + timedelta(seconds=9)
    assert first["stretches"] == [
        {
            "state": "visible",
            "from": f"{began.isoformat(timespec='milliseconds')}Z",
            "to": f"{ended.isoformat(timespec='milliseconds')}Z",
        }
    ]
    assert (first["pageview_id"], first["end_seen"], first["path"]) == (uuid7(1), True, "/page_a")
    assert (second["previous_pageview_id"], second["title"]) == (uuid7(1), "B")


@pytest.mark.parametrize("session", [uuid7(7), "no id", ""])
def test_of_a_session_that_is_not_there_there_is_nothing(tmp_path: Path, session: str) -> None:
    assert timeline(tmp_path, fact(0, VISIBLE, 0, 0), session=session) is None


def test_a_session_that_the_rules_split_has_the_pageviews_of_that_part(tmp_path: Path) -> None:
    facts = [
        fact(0, HIDDEN, 0, 0),
        glimpse(2, received_at=NOW + 3_600_000),
    ]
    rules = Rules(session_timeout=600)
    with Projected(tmp_path / "live" / "warehouse.duckdb", rules=rules) as projected:
        projected.append(facts).project()
        published = copy_of(projected.warehouse, tmp_path)
    board = Board(published)
    parts = [board.timeline(uuid7(1)), board.timeline(uuid7(2))]
    board.close()
    assert [[line.facts["pageview_id"] for line in part.pageviews] for part in parts if part] == [
        [uuid7(1)],
        [uuid7(2)],
    ]
