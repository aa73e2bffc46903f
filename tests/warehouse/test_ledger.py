"""The ledger: what of a pageview is known to be lost, and how far its seconds can be off."""

import itertools
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from dwell.commands.simulate.journeys import checkpoints
from dwell.warehouse import snapshot
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, narrow_judge, uuid7
from tests.support.sharding import Sharded

LEDGER = (
    "select facts_made, facts, facts_lost, tail_lost, end_seen, engagement_time,"
    " engagement_time_at_most from {}pageview_ledger order by pageview_id"
)
Ledger = list[tuple[Any, ...]]


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        yield projected


def ledger(projected: Projected, *told: Stored, batch: int = 1000) -> Ledger:
    """The ledger once these are told too: made, arrived, lost, tail lost, end seen, least, most."""
    return projected.append(told).project(batch).rows(LEDGER.format("warehouse."))


def shown(seq: int = 0, seconds: float = 0, pageview: int = 1, **more: Any) -> Stored:
    milliseconds = round(seconds * 1000)
    return glimpse(pageview, seq, engagement_ms=milliseconds, **more)


def hidden(seq: int, seconds: float, pageview: int = 1, **more: Any) -> Stored:
    return shown(seq, seconds, pageview, visibility="hidden", **more)


def test_of_a_whole_pageview_nothing_is_lost_and_its_seconds_are_exact(
    projected: Projected,
) -> None:
    assert ledger(projected, shown(), hidden(1, 3.5)) == [(2, 2, 0, False, True, 3.5, 3.5)]


def test_facts_lost_in_the_middle_are_counted_and_harm_no_number(projected: Projected) -> None:
    told = (shown(), shown(2, 10), hidden(4, 12))
    assert ledger(projected, *told) == [(5, 3, 2, False, True, 12.0, 12.0)]


def test_without_its_end_a_page_was_seen_a_second_beyond_the_next_checkpoint_at_most(
    projected: Projected,
) -> None:
    assert ledger(projected, shown(), shown(1, 5.2)) == [(2, 2, 0, False, False, 5.2, 11.0)]
    assert ledger(projected, hidden(2, 7)) == [(3, 3, 0, False, True, 7.0, 7.0)]
    assert ledger(projected, shown(3, 7)) == [(4, 4, 0, False, False, 7.0, 11.0)]


def test_a_lost_tail_is_known_when_the_tab_has_a_later_pageview_and_then_no_bound_is_claimed(
    projected: Projected,
) -> None:
    assert ledger(projected, shown(), hidden(1, 3)) == [(2, 2, 0, False, True, 3.0, 3.0)]
    later = shown(pageview=2, previous=1, previous_seq=4)
    assert ledger(projected, later) == [
        (5, 2, 3, True, True, 3.0, None),
        (1, 1, 0, False, False, 0.0, 6.0),
    ]
    made_up_for = [(5, 3, 2, False, True, 8.0, 8.0), (1, 1, 0, False, False, 0.0, 6.0)]
    assert ledger(projected, hidden(4, 8)) == made_up_for


def test_a_page_that_was_left_and_reloaded_says_that_nothing_is_missing(
    projected: Projected,
) -> None:
    reloaded = shown(pageview=2, previous=1, previous_seq=1)
    assert ledger(projected, shown(), hidden(1, 3), reloaded)[0] == (2, 2, 0, False, True, 3.0, 3.0)


def test_of_a_crashed_page_the_copy_left_with_the_browser_counts_and_its_end_was_not_seen(
    projected: Projected,
) -> None:
    """The copy has the place of the coming fact, which was never made: the next page says so."""
    after = shown(pageview=2, previous=1, previous_seq=1)
    told = (shown(), shown(1, 5.3), shown(2, 9.1), after)
    assert ledger(projected, *told)[0] == (3, 3, 0, False, False, 9.1, 11.0)


@pytest.mark.parametrize("batch", [1, 10])
def test_of_a_copy_and_the_fact_itself_the_one_that_says_hidden_counts_whichever_is_first(
    projected: Projected, batch: int
) -> None:
    copy, fact = shown(1, 3.2, received_at=NOW + 5), hidden(1, 3.9, received_at=NOW + 6)
    other_copy, other_fact = shown(1, 3.2, 2), hidden(1, 3.9, 2)
    told = (shown(), copy, fact, shown(0, 0, 2), other_fact, other_copy)
    assert ledger(projected, *told, batch=batch) == [(2, 2, 0, False, True, 3.9, 3.9)] * 2
    assert projected.rows(
        "select distinct visibility, engagement_time from warehouse.visibility_change where seq = 1"
    ) == [("hidden", 3.9)]


@pytest.mark.parametrize("said", [(2, 5), (5, 2)])
def test_of_a_duplicated_tab_the_pageview_that_tells_most_counts(
    projected: Projected, said: tuple[int, int]
) -> None:
    told = (shown(pageview=2 + n, previous=1, previous_seq=seq) for n, seq in enumerate(said))
    assert ledger(projected, hidden(3, 9), *told)[0] == (6, 1, 5, True, True, 9.0, None)


def test_a_position_without_a_pageview_before_means_nothing(projected: Projected) -> None:
    told = shown(previous_seq=7)
    assert ledger(projected, told) == [(1, 1, 0, False, False, 0.0, 6.0)]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_a_fact_that_comes_again_is_counted_once(projected: Projected, batch: int) -> None:
    some = [shown(seq, seq) for seq in (*range(3), *range(70, 73))]
    told = [*some[:3], *some[1:4], *some[4:], some[0], *some[4:]]
    assert ledger(projected, *told, batch=batch) == [(73, 6, 67, False, False, 72.0, 101.0)]


def test_when_a_later_pageview_is_forgotten_nobody_knows_of_the_tail_any_more(
    projected: Projected,
) -> None:
    later = shown(pageview=2, previous=1, previous_seq=4, session=2, visitor=2)
    assert ledger(projected, shown(), hidden(1, 3), later)[0][-1] is None
    assert ledger(projected, forgotten(2, NOW)) == [(2, 2, 0, False, True, 3.0, 3.0)]


def test_when_the_earlier_pageview_is_forgotten_the_later_one_stays_as_it_was(
    projected: Projected,
) -> None:
    later = hidden(1, 2, pageview=2, previous=1, previous_seq=4, session=2, visitor=2)
    assert ledger(projected, shown(), later, forgotten(1, NOW)) == [(2, 1, 1, False, True, 2, 2)]


def test_a_row_that_is_built_anew_after_an_erasure_counts_what_stays(projected: Projected) -> None:
    told = (shown(), shown(1, 5, visitor=2), hidden(2, 6, visitor=2), forgotten(1, NOW))
    assert ledger(projected, *told) == [(3, 2, 1, False, True, 6.0, 6.0)]


def test_shards_know_together_what_none_of_them_knows(tmp_path: Path) -> None:
    with Sharded(tmp_path, 3) as sharded:
        sharded.fill(1, [shown(), shown(2, 10), shown(0, 0, 2)])
        sharded.append(2, [shown(1, 5), shown(2, 10), hidden(3, 11)])
        sharded.append(3, [shown(pageview=3, previous=2, previous_seq=1, session=2)])
        assert sharded.rows(LEDGER.format("")) == [
            (4, 4, 0, False, True, 11.0, 11.0),
            (2, 1, 1, True, False, 0.0, None),
            (1, 1, 0, False, False, 0.0, 6.0),
        ]


def test_the_checkpoints_are_those_of_the_visitors_that_are_simulated(projected: Projected) -> None:
    marks = [mark / 1000 for mark in itertools.islice(checkpoints(), 8)]
    moments = [0, 4.999, *marks, 5.1, 39.9, 99.5]
    assert [
        projected.rows(f"select warehouse.next_checkpoint({moment})") for moment in moments
    ] == [[(min(mark for mark in [*marks, 340] if mark > moment),)] for moment in moments]


def before_the_field(record: Stored) -> Stored:
    """The record as it was written before there was `previous_seq`."""
    assert b'"previous_seq":null,' in record.value
    return Stored(record.value.replace(b'"previous_seq":null,', b""), record.timestamp, record.key)


def test_records_from_before_the_field_are_read_for_ever_and_no_judge_is_asked(
    tmp_path: Path,
) -> None:
    told = [shown(), shown(1, 5), hidden(2, 6), hidden(1, 1, 2, previous=1)]
    older = [before_the_field(record) for record in told]
    with Projected(tmp_path / "new.duckdb") as new:
        expected = new.append(told).project().tables()
    for batches in (older, [told[0], older[1], told[2], older[3]]):
        with Projected(tmp_path / f"{len(list(tmp_path.iterdir()))}.duckdb", narrow_judge) as old:
            assert old.append(batches).project().tables() == expected
            assert old.rows("select count(*) from warehouse.dead_letter") == [(0,)]


def test_a_position_that_is_none_is_a_dead_letter_and_never_a_row(projected: Projected) -> None:
    bad = ["-1", "1.5", "1000001", "[5]", "{}"]
    whole = shown(previous=2, previous_seq=5)
    told = [
        Stored(whole.value.replace(b'"previous_seq":5', f'"previous_seq":{value}'.encode()), NOW)
        for value in bad
    ]
    projected.append([*told, whole]).project()
    assert projected.rows("select detail from warehouse.dead_letter order by all") == [
        (f"previous_seq is {value}: expected an integer from 0 to 1000000, or null",)
        for value in bad
    ]
    assert projected.rows("select first_offset from warehouse.pageview") == [(len(bad),)]


def older_warehouse(path: Path, projected: Projected) -> None:
    """A warehouse of schema version 2 with the rows of this one."""
    migrations = files("dwell.warehouse") / "migrations"
    tables = [table for (table,) in projected.rows("select table_name from duckdb_tables() where database_name = 'warehouse'")]  # fmt: skip
    projected.warehouse.checkpoint()
    made = projected.warehouse.path.with_name("copy.duckdb")
    snapshot.copy(projected.warehouse.path, made)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{made}' as made (read_only)")
        connection.execute(f"attach '{path}' as warehouse (storage_version 'v1.4.0')")
        connection.execute("use warehouse")
        for step in ("0001_tables.sql", "0002_dead_letters.sql"):
            connection.execute((migrations / step).read_text())
        for table in tables:
            left_out = "exclude (previous_seq, facts, end_seen)" if table == "pageview" else ""
            connection.execute(f"insert into {table} by name select * {left_out} from made.{table}")
        connection.execute("update projection_info set value = '2' where name = 'schema_version'")


def test_a_warehouse_of_the_version_before_is_filled_from_its_visibility_changes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.duckdb"
    told = [shown(), shown(2, 10), hidden(4, 12), shown(0, 0, 2), shown(0, 0, 3, previous=2)]
    with Projected(tmp_path / "new.duckdb") as new:
        tables = new.append(told).project().tables()
        older_warehouse(path, new)
    with Projected(path) as projected:
        projected.position = len(told)
        assert projected.tables() == tables
        projected.append(told)
        more = [hidden(1, 4, 3, previous=2), shown(0, 0, 4, previous=2, previous_seq=1)]
        assert ledger(projected, *told[1:3], *more) == [
            (5, 3, 2, False, True, 12.0, 12.0),
            (2, 1, 1, True, False, 0.0, None),
            (2, 2, 0, False, True, 4.0, 4.0),
            (1, 1, 0, False, False, 0.0, 6.0),
        ]
        with pytest.raises(duckdb.ConstraintException, match="NOT NULL"):
            projected.connection.execute("update warehouse.pageview set facts = null")


def test_what_the_first_fact_says_of_the_pageview_before_is_kept(projected: Projected) -> None:
    told = (shown(1, 5, previous=7, previous_seq=3), shown(0, 0, previous=8, previous_seq=2))
    projected.append(told).project(1)
    assert projected.rows("select previous_pageview_id, previous_seq from warehouse.pageview") == [
        (UUID(uuid7(8)), 2)
    ]


def test_a_later_pageview_that_began_more_than_a_day_before_tells_nothing(
    projected: Projected,
) -> None:
    day = 86_400_000
    late = shown(0, 0, received_at=NOW + 3 * day)
    told = (late, shown(0, 0, 2, previous=1, previous_seq=4))
    whole = ledger(projected, *told)
    assert whole[0] == (1, 1, 0, False, False, 0.0, 6.0)
    between = "pageview_ledger_between(timestamp '2025-01-01', timestamp '2027-01-01')"
    assert (
        projected.rows(LEDGER.format("warehouse.").replace("warehouse.pageview_ledger", between))
        == whole
    )


def test_the_ledger_of_a_period_is_that_of_the_pageviews_that_began_in_it(tmp_path: Path) -> None:
    day, hour = 86_400_000, 3_600_000
    at = [NOW + n * day for n in range(3)]
    told = [
        *(shown(0, 0, n, received_at=moment) for n, moment in enumerate(at, 1)),
        shown(0, 0, 4, previous=2, previous_seq=3, received_at=at[1] + 40 * day),
        shown(0, 0, 5, previous=3, previous_seq=3, received_at=at[2] - hour),
    ]
    with Projected(tmp_path / "w.duckdb") as projected:
        projected.append(told).project()
        since, until = (f"make_timestamp_ms({moment - hour})" for moment in (at[1], at[2]))
        rows = "select pageview_id, tail_lost, engagement_time_at_most from"
        projected.connection.execute("use warehouse")
        of_period = projected.rows(f"{rows} pageview_ledger_between({since}, {until})")
        assert of_period == [(UUID(uuid7(2)), True, None)]
        assert of_period == projected.rows(
            f"{rows} pageview_ledger where started_at >= {since} and started_at < {until}"
        )
        assert projected.rows("select count(*) filter (tail_lost) from pageview_ledger") == [(2,)]
        projected.connection.execute("use memory")
