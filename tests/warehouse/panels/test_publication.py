"""What a publication says of itself."""

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dwell.rules import Rules
from dwell.warehouse.panels import Board, Selection
from tests.support.facts import NOW, Projected, Stored, glimpse
from tests.support.publishing import copy_of
from tests.support.sharding import Sharded

AT = datetime.fromtimestamp(NOW / 1000, UTC).replace(tzinfo=None)
DAY = 86_400_000


def began(number: int, days_ago: float) -> Stored:
    """The first fact of a session that began so long ago."""
    return glimpse(number, session=number, visitor=number, received_at=NOW - round(days_ago * DAY))


def measured_since(published: Path) -> datetime | None:
    with closing(Board(published)) as board:
        return board.publication().measured_since


def published(folder: Path, facts: Iterable[Stored], rules: Rules | None = None) -> Path:
    with Projected(folder / "live" / "warehouse.duckdb", rules=rules) as projected:
        projected.append(list(facts)).project()
        return copy_of(projected.warehouse, folder)


@pytest.mark.parametrize("rules", [None, Rules(session_timeout=600)])
def test_it_says_since_when_there_are_sessions(tmp_path: Path, rules: Rules | None) -> None:
    path = published(tmp_path, [began(1, 3), began(2, 8)], rules)
    assert measured_since(path) == AT - timedelta(days=8)


def test_of_shards_it_is_the_first_session_of_all(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, [began(1, 3)])
        sharded.append(2, [began(2, 8)])
        assert measured_since(sharded.published) == AT - timedelta(days=8)


def test_one_of_a_thousand_sessions_may_have_a_wrong_clock(tmp_path: Path) -> None:
    path = published(tmp_path, [began(1, 300), *(began(2 + each, 8) for each in range(1_000))])
    assert measured_since(path) == AT - timedelta(days=8)


def test_before_the_first_session_nothing_is_measured(tmp_path: Path) -> None:
    assert measured_since(published(tmp_path, [])) is None


@pytest.mark.parametrize(
    ("since", "whole"),
    [("2026-02-01", True), ("2026-02-02T09:00", True), ("2026-02-03", False), (None, False)],
)
def test_a_period_before_is_compared_with_if_it_was_measured_but_for_its_first_twentieth(
    since: str | None, whole: bool
) -> None:
    given = {"since": "2026-03-01", "until": "2026-03-29"}
    selection = Selection.of(given, timezone="UTC", now=datetime(2026, 4, 1, tzinfo=UTC))
    assert selection.has_before(datetime.fromisoformat(since) if since else None) is whole
