"""What is counted in memory: when it is read, and how rows are counted."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dwell.warehouse.panels import Selection
from dwell.warehouse.panels.columns import Columns
from dwell.warehouse.panels.columns.counting import different, percent, quantiles, rounded
from dwell.warehouse.panels.columns.reading import read
from dwell.warehouse.published import Published
from tests.support.facts import Projected
from tests.support.publishing import copy_of
from tests.support.truth import told

ENDED = datetime(2026, 1, 1, tzinfo=UTC)


def since(text: str) -> Selection:
    return Selection.of({"since": text}, timezone="UTC", now=ENDED)


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        projected.append(told()).project()
        path = copy_of(projected.warehouse, tmp_path)
    with closing(Published(path)) as published:
        yield published


def nobody_reads() -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    raise AssertionError("it is read again")


def test_what_is_read_serves_for_every_later_period(published: Published) -> None:
    columns = Columns(1000)
    found = columns.answer("totals", since("90d"), {}, published.connection)
    assert found is not None
    assert found[0][0][3] > 0
    later = columns.answer("totals", since("30d"), {}, nobody_reads)
    assert later == Columns(1000).answer("totals", since("30d"), {}, published.connection)
    with pytest.raises(AssertionError, match="read again"):
        columns.answer("totals", since("91d"), {}, nobody_reads)


def test_what_was_prepared_is_not_read_again(published: Published) -> None:
    columns = Columns(1000)
    columns.prepare(since("90d"), 1000, published.connection)
    assert columns.answer("views", since("90d"), {}, nobody_reads)


def test_of_too_many_pageviews_nothing_is_read(published: Published) -> None:
    few = Columns(2)
    assert few.answer("totals", since("90d"), {}, published.connection) is None
    assert few.answer("totals", since("91d"), {}, nobody_reads) is None
    columns = Columns(1000)
    columns.prepare(since("90d"), 2, published.connection)
    assert columns.answer("totals", since("90d"), {}, published.connection)


def test_pageviews_lie_in_the_order_in_which_they_began(published: Published) -> None:
    with published.connection() as connection:
        known = read(connection, datetime(2025, 1, 1))
    assert len(known.pageviews.started) > 5
    assert np.all(np.diff(known.pageviews.started) >= 0)


@pytest.mark.parametrize("visitors", [7, 50_000_000])
def test_each_visitor_counts_once_in_a_group(visitors: int) -> None:
    group, visitor = np.array([0, 2, 0, 2, 2]), np.array([3, 3, 3, 6, 3])
    assert different(group, 3, visitor, visitors).tolist() == [1, 0, 2]


def test_quantiles_lie_between_rows_in_proportion() -> None:
    group, ms = np.array([1, 1, 1, 1, 0]), np.array([4000, 1000, 2000, 3000, 7])
    assert quantiles(group, 3, ms, 0.5, 0.9) == [
        [0.007, 2.5, None],
        [0.007, pytest.approx(3.7), None],
    ]


def test_halves_are_rounded_up() -> None:
    assert [rounded(value, 3) for value in (0.0, 0.0005, 2.0004, 1.2345)] == [
        0.0,
        0.001,
        2.0,
        1.235,
    ]
    assert percent(1, 3) == 33.33
    assert percent(1, 0) is None
