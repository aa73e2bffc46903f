"""The law of the house: the tables depend on the set of facts, and on nothing else."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from dwell.rules import Rules
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse
from tests.support.ruling import check_split

FILES = itertools.count()


def examples(count: int, *, long: int = 20) -> settings:
    """So many examples, each of which makes warehouses; with --long more of them."""
    return settings(
        max_examples=long if settings.get_current_profile_name() == "long" else count,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


few, many = examples(2), examples(100, long=200)

IDENTITIES: tuple[dict[str, Any], ...] = ({}, {"path": "/a"}, {"path": "/b", "tab": 1})
AGENTS = ("Firefox/140.0", "Googlebot/2.1", "Mozilla/5.0 (iPhone) Mobile Safari")
MINUTE = 60_000
CLOCKS = (NOW, NOW - MINUTE, NOW - 400_000 * MINUTE, NOW + 30 * MINUTE)
"""When pageviews and sessions began by the clocks of their browsers, some of which are far off."""
moments = st.one_of(
    st.integers(NOW - 5, NOW + 5), st.sampled_from([NOW + 3 * MINUTE, NOW + 300 * MINUTE])
)


@composite
def any_glimpses(draw: DrawFn) -> Stored:
    """A fact that need not agree with any other of its pageview, as a hostile client sends them."""
    engagement = draw(st.integers(0, 5)) * 1000
    pageview, session = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return glimpse(
        pageview,
        seq=draw(st.integers(0, 3)),
        session=session,
        begun=CLOCKS[pageview - 1],
        session_begun=CLOCKS[session],
        visitor=draw(st.integers(1, 4)),
        engagement_ms=engagement,
        age_ms=engagement + draw(st.integers(0, 2)),
        delay_ms=draw(st.integers(0, 3)),
        received_at=draw(moments),
        visibility=draw(st.sampled_from(["visible", "hidden"])),
        view=draw(st.sampled_from(["a.A", "b.B"])),
        identity=draw(st.sampled_from(IDENTITIES)),
        browser_agent=draw(st.sampled_from(AGENTS)),
        previous=draw(st.sampled_from([None, 1, 2])),
        previous_seq=draw(st.sampled_from([None, 0, 3])),
        referrer=draw(st.sampled_from(["", "https://example.org/"])),
    )


def erasures() -> SearchStrategy[Stored]:
    return st.builds(forgotten, st.integers(1, 4), moments)


def junk() -> SearchStrategy[Stored]:
    return st.sampled_from([b"", b"\xff", b"{}", b"null"]).map(lambda value: Stored(value, NOW))


def any_records() -> SearchStrategy[list[Stored]]:
    """Some records: Hypothesis would begin with none, and what comes of none is always the same."""
    return st.lists(
        st.one_of(any_glimpses(), any_glimpses(), any_glimpses(), erasures(), junk()), max_size=14
    ).filter(bool)


@composite
def told_twice(draw: DrawFn) -> tuple[list[Stored], int, list[Stored], int]:
    """Some records, and the same in another order with some of them repeated; cut into batches."""
    records = draw(any_records())
    again = draw(st.lists(st.sampled_from(records), max_size=5))
    return (
        records,
        draw(st.integers(3, 15)),
        draw(st.permutations(records + again)),
        draw(st.integers(3, 15)),
    )


MISCOUNTED = """
    with counted as (
        select pageview_id, count(*) as facts, arg_max(visibility, seq) = 'hidden' as end_seen
        from warehouse.visibility_change
        group by pageview_id
    )
    select pageview_id from warehouse.pageview full join counted using (pageview_id)
    where (pageview.facts, pageview.end_seen) is distinct from (counted.facts, counted.end_seen)
"""
"""Pageviews that are not in step with their visibility changes."""


def tables_of(
    records: list[Stored], batch: int, folder: Path, rules: Rules | None = None
) -> dict[str, list[tuple[Any, ...]]]:
    with Projected(folder / f"{next(FILES)}.duckdb", rules=rules) as projected:
        projected.append(records).project(batch)
        assert projected.rows(MISCOUNTED) == []
        if rules:
            check_split(projected)
        return projected.tables()


def check_any_order_and_duplication(
    told: tuple[list[Stored], int, list[Stored], int], folder: Path, rules: Rules | None = None
) -> None:
    records, batch, shuffled, other_batch = told
    tables = tables_of(records, batch, folder, rules)
    assert tables == tables_of(shuffled, other_batch, folder, rules)


@few
@given(told=told_twice())
def test_any_order_and_any_duplication_give_the_same_tables(
    told: tuple[list[Stored], int, list[Stored], int], tmp_path: Path
) -> None:
    check_any_order_and_duplication(told, tmp_path)


@pytest.mark.parametrize("rules", [None, Rules(session_timeout=1, engagement_cap=2)])
def test_of_no_records_there_are_no_rows(tmp_path: Path, rules: Rules | None) -> None:
    assert not any(tables_of([], 3, tmp_path, rules).values())


def any_rules() -> SearchStrategy[Rules]:
    return st.builds(
        Rules,
        session_timeout=st.sampled_from([1, 120, 6000]),
        engagement_cap=st.sampled_from([None, 2]),
    )


@few
@given(told=told_twice(), rules=any_rules())
def test_the_law_holds_by_any_rules(
    told: tuple[list[Stored], int, list[Stored], int], rules: Rules, tmp_path: Path
) -> None:
    check_any_order_and_duplication(told, tmp_path, rules)


@pytest.mark.long
@pytest.mark.timeout(3600)
@many
@given(told=told_twice(), rules=any_rules())
def test_the_law_holds_by_any_rules_two_hundred_times(
    told: tuple[list[Stored], int, list[Stored], int], rules: Rules, tmp_path: Path
) -> None:
    check_any_order_and_duplication(told, tmp_path, rules)


@pytest.mark.long
@pytest.mark.timeout(3600)
@many
@given(told=told_twice())
def test_the_law_holds_two_hundred_times(
    told: tuple[list[Stored], int, list[Stored], int], tmp_path: Path
) -> None:
    check_any_order_and_duplication(told, tmp_path)


@composite
def visits_with_losses(draw: DrawFn) -> tuple[list[Stored], list[Stored]]:
    """Whole visits, and what arrived of them: each pageview's last fact, and any others."""
    whole: list[Stored] = []
    arrived: list[Stored] = []
    for pageview in range(1, draw(st.integers(1, 5)) + 1):
        steps = draw(st.lists(st.integers(0, 9000), min_size=1, max_size=6))
        facts = [
            glimpse(
                pageview,
                seq,
                session=1 + pageview % 2,
                engagement_ms=total,
                age_ms=total + 7,
                received_at=NOW + 10 * pageview + total,
                visibility="visible" if seq % 2 == 0 else "hidden",
            )
            for seq, total in enumerate(itertools.accumulate(steps))
        ]
        whole += facts
        arrived += draw(st.lists(st.sampled_from(facts), unique=True)) + facts[-1:]
    return whole, draw(st.permutations(arrived))


@few
@given(visits=visits_with_losses().filter(lambda visits: len(visits[0]) > 1))
def test_any_subset_with_each_last_fact_gives_the_same_pageviews_and_seconds(
    visits: tuple[list[Stored], list[Stored]], tmp_path: Path
) -> None:
    whole, arrived = visits
    sql = "select pageview_id, session_id, view_name, identity::varchar, engagement_time, last_seq "
    sql += "from warehouse.pageview order by all"
    with Projected(tmp_path / f"{next(FILES)}.duckdb") as complete:
        expected = complete.append(whole).project(4).rows(sql)
    with Projected(tmp_path / f"{next(FILES)}.duckdb") as partial:
        assert partial.append(arrived).project(4).rows(sql) == expected


@few
@given(records=any_records(), cut=st.integers(0, 14))
def test_reading_the_log_from_its_start_gives_the_tables_of_the_live_warehouse(
    records: list[Stored], cut: int, tmp_path: Path
) -> None:
    path = tmp_path / f"{next(FILES)}.duckdb"
    with Projected(path) as first:
        first.append(records[:cut]).project(3)
        position = first.position
    with Projected(path) as resumed:
        resumed.position = position
        live = resumed.append(records).project(2).tables()
    assert tables_of(records, 100, tmp_path) == live
