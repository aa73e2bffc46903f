"""Each named query on a truth that was counted by hand: see tests/support/truth.py."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dwell.warehouse.queries import find, queries
from tests.support.facts import Projected, glimpse
from tests.support.sharding import Sharded
from tests.support.truth import TAB_1, TAB_2, A, B, answer, told

Rows = list[tuple[Any, ...]]
Asked = Callable[..., Rows]

STEPS = f"{A},{B},{TAB_1}"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The truth in a warehouse of one file."""
    with Projected(tmp_path_factory.mktemp("truth") / "warehouse.duckdb") as projected:
        yield projected.append(told()).project().connection


@pytest.fixture
def asked(warehouse: duckdb.DuckDBPyConnection) -> Asked:
    """Asks a query: its name and what is given."""
    return lambda name, **given: answer(warehouse, name, **given)


def at(day: str, hour: int = 0) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02d}:00")


def test_engagement_by_view(asked: Asked) -> None:
    assert asked("engagement_by_view") == [
        (A, 6, 5.5, 5.0, 11.0, 33.0),
        (B, 4, 25.0, 17.5, 48.0, 100.0),
        (TAB_1, 3, 11.667, 3.0, 24.6, 35.0),
        (TAB_2, 1, 8.0, 8.0, 8.0, 8.0),
    ]


def test_robots_are_left_out_or_counted_too_or_alone(asked: Asked) -> None:
    mean = {
        bots: asked("engagement_by_view", view=A, bots=bots)[0][1:3]
        for bots in ("exclude", "include", "only")
    }
    assert mean == {"exclude": (6, 5.5), "include": (7, 4.786), "only": (1, 0.5)}
    for query in queries():
        if query.name not in ("funnel", "tabs_compared", "transitions"):
            assert asked(query.name, bots="only"), query.name
            assert asked(query.name, bots="only") != asked(query.name), query.name


def test_engagement_distribution(asked: Asked) -> None:
    assert asked("engagement_distribution", view=A) == [
        (A, 0, 1, 1, 16.67),
        (A, 1, 2, 1, 16.67),
        (A, 2, 5, 1, 16.67),
        (A, 5, 10, 1, 16.67),
        (A, 10, 20, 2, 33.33),
        (A, 20, 30, 0, 0.0),
        (A, 30, 60, 0, 0.0),
        (A, 60, 120, 0, 0.0),
        (A, 120, 300, 0, 0.0),
        (A, 300, 600, 0, 0.0),
        (A, 600, 1800, 0, 0.0),
        (A, 1800, None, 0, 0.0),
    ]
    by_view = asked("engagement_distribution")
    assert [(row[0], row[3]) for row in by_view if row[3]][5:] == [
        *[(B, 1)] * 4,  # 5, 15, 20 and 60 seconds: each begins a class or lies in one of its own
        *[(TAB_1, 2), (TAB_1, 1)],
        (TAB_2, 1),
    ]


def test_sessions(asked: Asked) -> None:
    days = [
        (at("2025-11-24"), 2, 2.0, 50.0, 32.0, 32.0, 54.4, 33.0),
        (at("2025-12-02"), 1, 4.0, 0.0, 82.0, 82.0, 82.0, 85.0),
        (at("2025-12-03"), 1, 3.0, 0.0, 12.0, 12.0, 12.0, 14.0),
        (at("2025-12-04"), 1, 3.0, 0.0, 18.0, 18.0, 18.0, 20.0),
    ]
    assert asked("sessions") == days
    assert asked("sessions", until="2025-12-03T12:00") == days[:2]
    assert [row[:2] for row in asked("sessions", by="week")] == [
        (at("2025-11-24"), 2),
        (at("2025-12-01"), 3),
    ]
    assert [row[:2] for row in asked("sessions", by="month")] == [
        (at("2025-11-01"), 2),
        (at("2025-12-01"), 3),
    ]
    assert [row[0] for row in asked("sessions", by="hour")][:2] == [
        at("2025-11-24", 10),
        at("2025-11-24", 23),
    ]


def test_a_session_belongs_to_the_day_of_the_time_zone(asked: Asked) -> None:
    periods = [row[:2] for row in asked("sessions", timezone="Europe/Berlin")]
    assert periods[:2] == [(at("2025-11-24"), 1), (at("2025-11-25"), 1)]
    hours = [row[0] for row in asked("sessions", by="hour", timezone="Asia/Kathmandu")]
    assert hours[:2] == [at("2025-11-24", 15), at("2025-11-25", 5)]


def test_a_session_that_began_before_the_period_is_not_in_it(asked: Asked) -> None:
    assert [row[1] for row in asked("sessions", since="2025-12-02T09:00:01")] == [1, 1]
    assert asked("entries_and_exits", since="2025-12-02T09:00:01", until="2025-12-03") == []


def test_entries_and_exits(asked: Asked) -> None:
    assert asked("entries_and_exits") == [
        (A, 3, 1, 1, 60.0, 20.0, 33.33),
        (B, 2, 1, 0, 40.0, 20.0, 0.0),
        (TAB_1, 0, 3, 0, 0.0, 60.0, None),
    ]


def test_the_pageviews_of_a_session_count_although_they_began_after_the_period(
    asked: Asked,
) -> None:
    assert asked("entries_and_exits", since="2025-12-02", until="2025-12-02T09:00:01") == [
        (B, 1, 0, 0, 100.0, 0.0, 0.0),
        (TAB_1, 0, 1, 0, 0.0, 100.0, None),
    ]
    [row] = asked("sessions", since="2025-12-02", until="2025-12-02T09:00:01")
    assert row[4] == 82.0


def test_a_session_of_centuries_has_an_entry_and_an_exit(tmp_path: Path) -> None:
    late = datetime(2300, 1, 1, tzinfo=UTC).timestamp() * 1000
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        projected.append([glimpse(1, view=A), glimpse(2, view=B, received_at=int(late))]).project()
        rows = answer(projected.connection, "entries_and_exits", since="1926-01-01")
    assert rows == [(A, 1, 0, 0, 100.0, 0.0, 0.0), (B, 0, 1, 0, 0.0, 100.0, None)]


def test_transitions(asked: Asked) -> None:
    from_b = [(B, A, 2, 50.0), (B, TAB_1, 1, 25.0), (B, None, 1, 25.0)]
    assert asked("transitions") == [
        (A, B, 2, 33.33),
        (A, A, 1, 16.67),
        (A, TAB_1, 1, 16.67),
        (A, TAB_2, 1, 16.67),
        (A, None, 1, 16.67),
        *from_b,
        (TAB_1, None, 3, 100.0),
        (TAB_2, TAB_1, 1, 100.0),
    ]
    assert asked("transitions", view=B) == from_b
    assert asked("transitions", view=B, until="2025-12-02T09:00:01") == [
        (B, A, 1, 50.0),
        (B, TAB_1, 1, 50.0),
    ]


def test_returning_visitors(asked: Asked) -> None:
    days = [
        (at("2025-11-24"), 2, 2, 0, 0.0),
        (at("2025-12-02"), 1, 0, 1, 100.0),
        (at("2025-12-03"), 1, 1, 0, 0.0),
        (at("2025-12-04"), 1, 1, 0, 0.0),
    ]
    assert asked("returning_visitors") == days
    assert asked("returning_visitors", since="2025-12-01") == days[1:]
    assert asked("returning_visitors", by="week") == [
        (at("2025-11-24"), 2, 2, 0, 0.0),
        (at("2025-12-01"), 3, 2, 1, 33.33),
    ]
    assert asked("returning_visitors", by="month", since="2025-11-01") == [
        (at("2025-11-01"), 2, 2, 0, 0.0),
        (at("2025-12-01"), 3, 2, 1, 33.33),
    ]


def test_retention_by_week(asked: Asked) -> None:
    first, second = date(2025, 11, 24), date(2025, 12, 1)
    weeks = [(first, 2, 0, 2, 100.0), (first, 2, 1, 1, 50.0), (second, 2, 0, 2, 100.0)]
    assert asked("retention_by_week") == weeks
    assert asked("retention_by_week", since="2025-11-30") == weeks
    assert asked("retention_by_week", since="1970-01-01") == weeks
    assert asked("retention_by_week", since="2025-12-01") == weeks[2:]
    later = asked("retention_by_week", until="2025-12-08T00:00:01")
    assert later == [
        *weeks[:2],
        (first, 2, 2, 0, 0.0),
        weeks[2],
        (second, 2, 1, 0, 0.0),
    ]


def test_a_week_begins_on_monday_in_the_time_zone(asked: Asked) -> None:
    """Eleven hours behind UTC, the first session is one of Sunday evening."""
    sunday = asked("retention_by_week", timezone="Etc/GMT+11", since="2025-11-20", until="2025-11-26")  # fmt: skip
    assert sunday == [
        (date(2025, 11, 17), 1, 0, 1, 100.0),
        (date(2025, 11, 17), 1, 1, 0, 0.0),
        (date(2025, 11, 24), 1, 0, 1, 100.0),
    ]


def test_funnel(asked: Asked) -> None:
    assert asked("funnel", views=STEPS) == [
        (1, A, 5, 100.0, None, None),
        (2, B, 2, 40.0, 40.0, 10.0),
        (3, TAB_1, 1, 20.0, 50.0, 21.0),
    ]


def test_a_step_of_a_funnel_may_be_the_same_view_again_and_one_that_nobody_took_has_no_sessions(
    asked: Asked,
) -> None:
    assert asked("funnel", views=f"{A},{A},{TAB_2},{B}") == [
        (1, A, 5, 100.0, None, None),
        (2, A, 1, 20.0, 20.0, 7.0),
        (3, TAB_2, 0, 0.0, 0.0, None),
        (4, B, 0, 0.0, None, None),
    ]


def test_tabs_compared(asked: Asked) -> None:
    both = [
        (TAB_1, "1", 3, 3, 11.667, 3.0, 24.6, 81.4, 1),
        (TAB_2, "2", 1, 1, 8.0, 8.0, 8.0, 18.6, 0),
    ]
    assert asked("tabs_compared") == both
    assert asked("tabs_compared", views=f"{TAB_2}, {TAB_1}") == both
    assert asked("tabs_compared", views=TAB_2) == [(*both[1][:7], 100.0, 0)]


def test_tabs_that_nobody_has_engaged_with_have_no_share_of_the_time(tmp_path: Path) -> None:
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        projected.append([glimpse(view=TAB_1, identity={"tab": "1"})]).project()
        rows = answer(projected.connection, "tabs_compared")
    assert rows == [(TAB_1, "1", 1, 1, 0, 0, 0, None, 0)]


def test_loss_ledger(asked: Asked) -> None:
    assert asked("loss_ledger") == [
        (A, 6, 4, 1, 33.0, 35.0, 14, 3, 21.43),
        (B, 4, 4, 0, 100.0, 100.0, 9, 1, 11.11),
        (TAB_1, 3, 3, 0, 35.0, 35.0, 6, 0, 0.0),
        (TAB_2, 1, 1, 0, 8.0, 8.0, 2, 0, 0.0),
    ]
    assert asked("loss_ledger", view=B) == [(B, 4, 4, 0, 100.0, 100.0, 9, 1, 11.11)]


def test_losses_by_browser(asked: Asked) -> None:
    assert asked("losses_by_browser") == [
        ("Firefox", "Linux", 11, 0, 0.0, 0, 0.0),
        ("Mobile Safari", "iOS", 3, 2, 66.67, 4, 44.44),
    ]


def every_answer(connection: duckdb.DuckDBPyConnection) -> dict[str, Rows]:
    return {
        query.name: answer(
            connection, query.name, **({"views": STEPS} if query.name == "funnel" else {})
        )
        for query in queries()
    }


@pytest.mark.long
def test_shards_that_are_united_give_the_same_answers(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, told()[::2])
        sharded.append(2, told()[1::2])
        with duckdb.connect(sharded.published, read_only=True) as united:
            assert every_answer(united) == every_answer(warehouse)


def test_an_empty_warehouse_has_no_answers_and_no_errors(tmp_path: Path) -> None:
    with Projected(tmp_path / "warehouse.duckdb") as empty:
        found = every_answer(empty.connection)
    assert [row[2] for row in found.pop("funnel")] == [0, 0, 0]
    assert not any(found.values())


@pytest.mark.parametrize("name", [query.name for query in queries()])
def test_the_comment_of_a_query_names_its_columns(
    warehouse: duckdb.DuckDBPyConnection, name: str
) -> None:
    answer(warehouse, name, **({"views": STEPS} if name == "funnel" else {}))
    said = [column[0] for column in warehouse.description or ()]
    assert said == list(find(name).columns)


def test_who_is_asked_for_is_in_the_views_that_join_the_agents(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    sessions = "select session_id, browser, device, is_bot from session_with_agent order by all"
    rows = warehouse.execute(sessions).fetchall()
    assert [row[1:] for row in rows][3:] == [
        ("Firefox", "desktop", False),
        ("Googlebot", "bot", True),
        ("Mobile Safari", "phone", False),
    ]
    pageviews = """
        select is_bot, count(*), count(distinct visitor_id), max(session_pageviews)
        from pageview_with_session
        group by is_bot
        order by is_bot
    """
    assert warehouse.execute(pageviews).fetchall() == [(False, 14, 4, 4), (True, 1, 1, 1)]
