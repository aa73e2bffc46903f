"""The horizon: what began before it is not in the tables, in whatever order facts come."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from dwell.rules import Rules
from dwell.warehouse import horizon
from dwell.warehouse.horizon import HORIZON, LATE, MARKS
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.support.ruling import check_split
from tests.support.sharding import Sharded
from tests.warehouse.test_law import MISCOUNTED, few, many

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIDNIGHT = NOW - NOW % DAY
KEEP = timedelta(days=10)
FILES = itertools.count()
SESSIONS = "select session_id::varchar from warehouse.main.tracking_session order by all"
COUNTS = """
    select
        (select count(*) from warehouse.main.tracking_session),
        (select count(*) from warehouse.main.pageview),
        (select count(*) from warehouse.main.visibility_change),
        (select count(*) from warehouse.main.browser_agent)
"""
ORPHANS = """
    select pageview_id from warehouse.main.visibility_change
    anti join warehouse.main.pageview using (pageview_id)
    union all
    select pageview_id from warehouse.main.pageview
    anti join warehouse.main.tracking_session using (session_id)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.duckdb"


@contextmanager
def projected(path: Path, keep: timedelta | None = KEEP, **more: Any) -> Iterator[Projected]:
    with Projected(path, keep=keep, **more) as projected:
        yield projected
        assert projected.rows(ORPHANS) == []


def of_day(day: int, number: int, *, at: int = 12 * HOUR, **more: Any) -> Stored:
    """A pageview and its session, which began on a day from MIDNIGHT on."""
    moment = MIDNIGHT + day * DAY + at
    return glimpse(number, session=number, visitor=number, received_at=moment, begun=moment, **more)


def test_what_began_longer_ago_than_rows_are_kept_goes_with_all_that_is_of_it(path: Path) -> None:
    with projected(path) as live:
        live.append([of_day(0, 1, browser_agent="Old/1"), of_day(0, 1, seq=1), of_day(1, 2)])
        live.append([of_day(10, 3)]).project()
        assert live.rows(COUNTS) == [(3, 3, 4, 2)]
        live.append([of_day(11, 4, at=0)]).project()
        assert live.rows(COUNTS) == [(3, 3, 3, 1)]
        assert live.rows(SESSIONS) == [(uuid7(number),) for number in (2, 3, 4)]
        assert live.warehouse.info(HORIZON) == "2025-11-25T00:00:00"


def test_by_default_everything_is_kept_and_nothing_is_asked(path: Path) -> None:
    with projected(path, None) as live:
        live.append([of_day(0, 1), of_day(4000, 2)]).project()
        assert live.rows(COUNTS) == [(2, 2, 2, 1)]
        assert live.warehouse.info(HORIZON) is None
        assert not live.horizon.look()


def test_a_session_goes_whole_however_long_it_went_on(path: Path) -> None:
    begun = MIDNIGHT - MINUTE
    both = [
        glimpse(1, received_at=begun),
        glimpse(2, received_at=MIDNIGHT + MINUTE),
        glimpse(1, 1, received_at=MIDNIGHT + 9 * DAY, age_ms=9 * DAY + MINUTE, engagement_ms=5),
    ]
    with projected(path) as live:
        live.append([*both, of_day(10, 9)]).project()
        assert live.rows(SESSIONS) == [(uuid7(9),)]


def test_a_late_fact_of_what_is_gone_brings_nothing_back(path: Path) -> None:
    with projected(path) as live:
        live.append([of_day(0, 1), of_day(11, 2)]).project(1)
        late = glimpse(1, 3, received_at=MIDNIGHT + 11 * DAY, age_ms=11 * DAY, engagement_ms=9)
        live.append([late, of_day(11, 3)]).project()
        assert live.rows(SESSIONS) == [(uuid7(2),), (uuid7(3),)]
        assert (live.horizon.late, live.warehouse.info(LATE)) == (1, "1")
        assert live.rows("select sum(facts_lost) from warehouse.pageview_ledger") == [(0,)]


def test_a_late_fact_that_began_within_the_horizon_brings_nothing_back_either(path: Path) -> None:
    """The session began a minute before midnight, and its second pageview a minute after."""
    first = glimpse(1, received_at=MIDNIGHT - MINUTE)
    second = glimpse(2, received_at=MIDNIGHT + MINUTE)
    shown = glimpse(2, 1, received_at=MIDNIGHT + 10 * DAY + HOUR, age_ms=10 * DAY + 59 * MINUTE)
    with projected(path) as live:
        live.append([first, second, of_day(10, 9, at=0)]).project()
        assert len(json.loads(live.warehouse.info(MARKS) or "")) == 1
    with projected(path) as live:
        live.append([first, second, of_day(10, 9, at=0), shown])
        live.position = 3
        live.project()
        assert live.rows(SESSIONS) == [(uuid7(9),)]


def test_a_late_session_that_goes_on_until_the_end_of_time_stops_nothing(path: Path) -> None:
    last = 253_402_300_799_999
    with projected(path) as live:
        live.append([of_day(0, 1), of_day(11, 2)]).project()
        endless = glimpse(3, session=1, visitor=1, received_at=last, begun=last)
        live.append([of_day(0, 1, seq=1), endless, of_day(11, 4)]).project()
        assert json.loads(live.warehouse.info(MARKS) or "")
    with projected(path) as live:
        live.append([endless, of_day(12, 5)]).project()
        assert live.rows("select count(*) from warehouse.main.tracking_session") == [(0,)]


def test_so_many_marks_are_kept_and_no_more(path: Path) -> None:
    with projected(path) as live:
        live.append([of_day(0, 1), of_day(11, 2)]).project()
        live.warehouse.connection.execute(
            "insert into dropped_session select range, timestamp '2030-01-01' from range(100_050)"
        )
        late = glimpse(7, session=3, received_at=MIDNIGHT + 11 * DAY, begun=MIDNIGHT + 11 * DAY)
        live.append([of_day(0, 3), late]).project()
        marks = json.loads(live.warehouse.info(MARKS) or "")
        assert len(marks) == 100_000


def test_marks_are_kept_no_longer_than_they_are_wanted(path: Path) -> None:
    with projected(path) as live:
        live.append([glimpse(1, received_at=MIDNIGHT - MINUTE), of_day(10, 9)]).project()
        assert live.warehouse.info(MARKS) != "{}"
        live.append([of_day(11, 9)]).project()
        assert live.warehouse.info(MARKS) == "{}"


def test_a_session_goes_that_turns_out_to_have_begun_before_the_horizon(path: Path) -> None:
    with projected(path) as live:
        live.append([of_day(1, 1), of_day(11, 2)]).project()
        assert len(live.rows(SESSIONS)) == 2
        waited = glimpse(5, session=1, received_at=MIDNIGHT + 11 * DAY, delay_ms=11 * DAY)
        live.append([waited]).project()
        assert live.rows(SESSIONS) == [(uuid7(2),)]


def test_a_session_that_goes_on_is_left_out_from_then_on(path: Path) -> None:
    """A screen in a lobby: a pageview every eight hours, in one session for twelve days."""
    hours = [
        glimpse(number, session=1, received_at=MIDNIGHT + 8 * number * HOUR) for number in range(37)
    ]
    with projected(path) as live:
        live.append(hours).project(5)
        assert live.rows(COUNTS) == [(0, 0, 0, 0)]
        assert live.horizon.late == 2


def test_much_goes_piece_by_piece(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "SESSIONS_AT_ONCE", 3)
    with projected(path, None) as live:
        live.append([of_day(0, number, at=number) for number in range(1, 9)])
        live.append([of_day(20, 9)]).project()
    with projected(path) as live:
        went = []
        while live.horizon.is_due:
            with live.warehouse.transaction():
                went.append(live.horizon.drop().sessions)
            assert live.rows(ORPHANS) == []
        assert went == [3, 3, 2]
        assert live.rows(SESSIONS) == [(uuid7(9),)]


def test_what_began_at_one_moment_goes_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "SESSIONS_AT_ONCE", 3)
    with projected(path) as live:
        live.append([of_day(0, number) for number in range(1, 9)])
        live.append([of_day(20, 9)]).project()
        assert live.rows(SESSIONS) == [(uuid7(9),)]


def test_it_stays_when_rows_are_kept_for_ever_again(path: Path) -> None:
    with projected(path) as live:
        live.append([of_day(0, 1), of_day(11, 2)]).project()
    with projected(path, None) as live:
        live.append([of_day(0, 1), of_day(11, 2), of_day(90, 3), of_day(0, 4)]).project()
        assert live.rows(SESSIONS) == [(uuid7(2),), (uuid7(3),)]


def test_a_fact_from_the_future_drops_nothing_that_the_clock_keeps(path: Path) -> None:
    recent = int(datetime.now().timestamp() * 1000) - DAY
    with projected(path) as live:
        live.append([glimpse(1, received_at=recent), of_day(20_000, 2)]).project()
        assert live.rows(SESSIONS) == [(uuid7(1),), (uuid7(2),)]


def test_dead_letters_go_too(path: Path) -> None:
    letters = 'select "offset" from warehouse.main.dead_letter'
    with projected(path) as live:
        live.append([Stored(b"junk", MIDNIGHT), Stored(b"junk", MIDNIGHT + 9 * DAY)])
        live.append([of_day(11, 1)]).project()
        assert live.rows(letters) == [(1,)]


def test_splits_of_what_is_gone_go_too(path: Path) -> None:
    with projected(path, rules=Rules(session_timeout=60)) as live:
        live.append([of_day(0, 1), glimpse(2, received_at=MIDNIGHT + 13 * HOUR)])
        live.append([of_day(1, 3), glimpse(4, session=3, received_at=MIDNIGHT + 37 * HOUR)])
        live.project()
        assert live.rows("select count(*) from warehouse.browser.session_split") == [(2,)]
        live.append([of_day(11, 9)]).project()
        assert live.rows("select count(*) from warehouse.browser.session_split") == [(1,)]
        check_split(live)


def test_an_erasure_that_reads_again_brings_nothing_back(path: Path) -> None:
    """Two visitors in a session of today, and one of them in a session that is gone."""
    with projected(path) as live:
        live.append([glimpse(1, session=1, visitor=1, received_at=MIDNIGHT - MINUTE)])
        live.append([glimpse(2, session=1, visitor=1, received_at=MIDNIGHT + MINUTE)])
        live.append([glimpse(3, session=3, visitor=1, received_at=MIDNIGHT + DAY)])
        live.append([glimpse(4, session=3, visitor=2, received_at=MIDNIGHT + DAY)])
        live.append([of_day(10, 9)]).project()
        assert live.rows(SESSIONS) == [(uuid7(3),), (uuid7(9),)]
        live.append([forgotten(1, MIDNIGHT + 10 * DAY)]).project()
        assert live.rows(COUNTS) == [(2, 2, 2, 1)]


SESSION_MOMENTS = (-20 * MINUTE, DAY - 30 * MINUTE, DAY, 3 * DAY, 3 * DAY + 23 * HOUR)
"""When sessions began, from MIDNIGHT on: some of them go on past a midnight."""


@composite
def facts_of_sessions(draw: DrawFn) -> Stored:
    """A fact of one of some sessions, each of which goes on for less than its time-out."""
    session = draw(st.integers(1, 5))
    pageview = session * 10 + draw(st.integers(1, 2))
    age = draw(st.sampled_from([0, 10 * MINUTE, 30 * HOUR]))
    delay = draw(st.sampled_from([0, 7 * MINUTE, 60 * HOUR]))
    begun = MIDNIGHT + SESSION_MOMENTS[session - 1] + draw(st.integers(0, 50)) * MINUTE
    return glimpse(
        pageview,
        draw(st.integers(0, 3)),
        session=session,
        visitor=draw(st.integers(1, 2)),
        age_ms=age,
        delay_ms=delay,
        engagement_ms=age // 2,
        received_at=begun + age + delay,
        visibility=draw(st.sampled_from(["visible", "hidden"])),
        browser_agent=draw(st.sampled_from(["A/1", "B/1"])),
    )


@composite
def told_twice(draw: DrawFn) -> tuple[list[Stored], int, list[Stored], int]:
    """Some facts, and the same in another order with some of them repeated; cut into batches."""
    several = st.lists(facts_of_sessions(), min_size=1, max_size=14)
    facts = draw(several.filter(lambda facts: len(facts) > 1))
    again = draw(st.lists(st.sampled_from(facts), max_size=5))
    return (
        facts,
        draw(st.integers(1, 15)),
        draw(st.permutations(facts + again)),
        draw(st.integers(1, 15)),
    )


def tables_of(facts: list[Stored], batch: int, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    file = folder / f"{next(FILES)}.duckdb"
    with projected(file, timedelta(days=1)) as live:
        live.append(facts).project(batch)
        assert live.rows(MISCOUNTED) == []
        return live.tables()


def check_any_order(told: tuple[list[Stored], int, list[Stored], int], folder: Path) -> None:
    facts, batch, shuffled, other_batch = told
    assert tables_of(facts, batch, folder) == tables_of(shuffled, other_batch, folder)


@few
@given(told=told_twice())
def test_any_order_and_any_duplication_leave_the_same_rows(
    told: tuple[list[Stored], int, list[Stored], int], tmp_path: Path
) -> None:
    check_any_order(told, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@many
@given(told=told_twice())
def test_any_order_and_any_duplication_leave_the_same_rows_two_hundred_times(
    told: tuple[list[Stored], int, list[Stored], int], tmp_path: Path
) -> None:
    check_any_order(told, tmp_path)


@few
@given(told=told_twice(), seed=st.integers(0, 1000))
def test_any_spread_over_shards_leaves_the_same_rows(
    told: tuple[list[Stored], int, list[Stored], int], seed: int, tmp_path: Path
) -> None:
    facts, _, shuffled, batch = told
    with Sharded(tmp_path / f"{next(FILES)}", 2, keep=timedelta(days=1)) as sharded:
        for number in (1, 2):
            mine = [each for place, each in enumerate(shuffled) if (place ^ seed) % 2 == number - 1]
            sharded.fill(number, mine, batch)
        assert sharded.heed().heed().unite(1).tables() == tables_of(facts, 100, tmp_path)
