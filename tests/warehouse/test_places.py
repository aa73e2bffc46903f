"""Rows are found wherever they are, and nothing else is read for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dwell.warehouse.places import BUCKET_MS, ranges
from tests.support.facts import NOW, Projected, Stored, glimpse

MINUTE = 60_000
YEAR = 365 * 24 * 60 * MINUTE


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        yield projected


def fact(seq: int, received_at: int, begun: int) -> Stored:
    return glimpse(
        1, seq, received_at=received_at, begun=begun, session_begun=begun, engagement_ms=seq
    )


CLOCKS = (NOW, NOW - 2 * MINUTE, NOW + 2 * MINUTE, NOW - YEAR, NOW + YEAR)
DELAYS = (0, MINUTE, 10 * MINUTE, YEAR)


@pytest.mark.parametrize(
    ("begun", "later"),
    [
        pytest.param(clock, delay, marks=[pytest.mark.long] if delay in DELAYS[1:3] else [])
        for clock in CLOCKS[1:]
        for delay in DELAYS
    ]
    + [(NOW, delay) for delay in DELAYS],
)
def test_a_row_is_found_whatever_the_clock_said_and_however_late_a_fact_comes(
    projected: Projected, begun: int, later: int
) -> None:
    projected.append([fact(0, NOW, begun), glimpse(2, received_at=NOW + later, session=2)])
    projected.append([fact(1, NOW + later, begun)]).project(batch=1)
    assert projected.rows(
        "select last_seq, count(*) over () from warehouse.pageview order by last_seq desc"
    ) == [(1, 2), (0, 2)]
    assert projected.rows("select count(*) from warehouse.tracking_session") == [(2,)]


def test_a_row_that_was_renamed_to_another_time_is_found(projected: Projected) -> None:
    late, early = fact(1, NOW + YEAR, NOW), fact(0, NOW + 2 * YEAR, NOW)
    projected.append([late, early, fact(2, NOW, NOW)]).project(batch=1)
    assert projected.rows("select last_seq, first_received_at from warehouse.pageview") == (
        projected.rows(f"select 2, make_timestamp_ms({NOW + 2 * YEAR})")
    )


def test_strays_are_known_again_after_a_start(tmp_path: Path) -> None:
    with Projected(tmp_path / "warehouse.duckdb") as first:
        first.append([fact(0, NOW, NOW - YEAR)]).project()
    with Projected(tmp_path / "warehouse.duckdb") as second:
        second.append([fact(1, NOW + MINUTE, NOW - YEAR)]).project()
        assert second.rows("select last_seq from warehouse.pageview") == [(1,)]


def test_ranges_cover_the_buckets_within_the_span_and_the_least_gaps() -> None:
    span = (10 * BUCKET_MS, 100 * BUCKET_MS)
    assert ranges([9, 10, 11, 20, 101], span) == [
        (10 * BUCKET_MS, 12 * BUCKET_MS),
        (20 * BUCKET_MS, 21 * BUCKET_MS),
    ]
    assert ranges([10, 20, 22, 40], span, most=2) == [
        (10 * BUCKET_MS, 23 * BUCKET_MS),
        (40 * BUCKET_MS, 41 * BUCKET_MS),
    ]
    assert ranges([10], (2**62, -1)) == []
