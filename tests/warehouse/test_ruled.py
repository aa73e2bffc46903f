"""A ruled warehouse: what the browsers told, shown by the rules."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dwell.consumers.agents import agent_data
from dwell.errors import RulesInvalid, WarehouseError
from dwell.rules import Bots, Rules
from dwell.shard import Shard
from dwell.warehouse import snapshot
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.splitting import Splitting
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.support.ruling import check_split
from tests.support.running import script

MINUTE = 60_000
TOLD = ("tracking_session", "pageview", "visibility_change", "browser_agent", "erasure")
RULES = Rules(session_timeout=600, engagement_cap=300)


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    with Projected(tmp_path / "warehouse.duckdb", rules=RULES) as projected:
        yield projected


def visit(pageview: int, minute: float, minutes: float = 1, session: int = 101) -> list[Stored]:
    """A pageview that began in this minute and was seen for so many."""
    began, seen = NOW + round(minute * MINUTE), round(minutes * MINUTE)
    about: dict[str, Any] = {"session": session, "begun": began}
    return [
        glimpse(pageview, received_at=began, **about),
        glimpse(pageview, 1, engagement_ms=seen, received_at=began + seen, visibility="hidden", **about),
    ]  # fmt: skip


def sessions(projected: Projected) -> dict[str, int]:
    """By the id of each session shown, its pageviews."""
    found = projected.rows(
        "select session_id::varchar, pageviews from warehouse.main.tracking_session"
    )
    check_split(projected)
    return dict(found)


def page(pageview: int, minute: float) -> str:
    return uuid7(pageview, NOW + round(minute * MINUTE))


def test_a_gap_longer_than_the_time_out_splits_a_session(projected: Projected) -> None:
    told = [*visit(1, 0), *visit(2, 11), *visit(3, 22.1), *visit(4, 23), *visit(5, 40)]
    projected.append(told).project()
    assert sessions(projected) == {uuid7(101): 2, page(3, 22.1): 2, page(5, 40): 1}


def test_a_part_has_the_visitor_and_agent_of_its_session_and_times_of_its_own(
    projected: Projected,
) -> None:
    projected.append([*visit(1, 0), *visit(2, 30, minutes=2)]).project()
    assert projected.rows(
        "select distinct visitor_id::varchar, browser_agent from warehouse.main.tracking_session"
    ) == [(uuid7(1), "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    moments = ("started_at", "last_seen_at", "first_received_at", "last_received_at")
    said = ", ".join(f"(epoch_ms({each}) - {NOW}) / {MINUTE}" for each in moments)
    assert projected.rows(
        f"select {said}, partition, first_offset, last_partition, last_offset"
        " from warehouse.main.tracking_session order by started_at"
    ) == [(0, 1, 0, 1, 0, 0, 0, 1), (30, 32, 30, 32, 0, 2, 0, 3)]


def test_a_gap_runs_from_the_latest_end_of_all_tabs(projected: Projected) -> None:
    projected.append([*visit(1, 0, minutes=25), *visit(2, 2), *visit(3, 30)]).project()
    assert sessions(projected) == {uuid7(101): 3}


def test_a_fact_that_comes_late_closes_a_gap_or_moves_its_end(projected: Projected) -> None:
    early, late = visit(2, 10), visit(3, 20.5)
    projected.append([*visit(1, 0), *late]).project()
    assert sessions(projected) == {uuid7(101): 1, page(3, 20.5): 1}
    projected.append(early).project()
    assert sessions(projected) == {uuid7(101): 3}
    projected.append([*visit(5, 60), *visit(4, 59)]).project(batch=2)
    assert sessions(projected) == {uuid7(101): 3, page(4, 59): 2}


def test_a_pageview_that_goes_to_another_session_leaves_a_gap(projected: Projected) -> None:
    """Its first fact, which comes last, names the other one."""
    joins, other = visit(2, 8), visit(2, 8, session=102)
    projected.append([*visit(1, 0), joins[1], *visit(3, 16), *visit(4, 7, session=102)]).project()
    assert sessions(projected) == {uuid7(101): 3, uuid7(102): 1}
    projected.append([other[0]]).project()
    assert sessions(projected) == {uuid7(101): 1, page(3, 16): 1, uuid7(102): 2}


def test_what_is_erased_leaves_a_gap_too(projected: Projected) -> None:
    about: dict[str, Any] = {"session": 101, "visitor": 2, "begun": NOW + 8 * MINUTE}
    shared = [glimpse(2, received_at=NOW + 8 * MINUTE, **about)]
    projected.append([*visit(1, 0), *shared, *visit(3, 16)]).project()
    assert sessions(projected) == {uuid7(101): 3}
    projected.append([forgotten(2, NOW + 60 * MINUTE)]).project()
    assert sessions(projected) == {uuid7(101): 1, page(3, 16): 1}
    projected.append([forgotten(1, NOW + 60 * MINUTE)]).project()
    assert sessions(projected) == {}
    assert projected.rows("from warehouse.browser.session_split") == []


def test_the_cap_is_on_every_column_of_seconds_and_what_was_told_stays(
    projected: Projected,
) -> None:
    projected.append([*visit(1, 0, minutes=7), *visit(2, 1, minutes=4)[:1]]).project()
    shown = "select engagement_time from warehouse.{}.{} order by all"
    assert projected.rows(shown.format("main", "pageview")) == [(0,), (300,)]
    assert projected.rows(shown.format("main", "visibility_change")) == [(0,), (0,), (300,)]
    assert projected.rows(shown.format("browser", "pageview")) == [(0,), (420,)]
    assert projected.rows(
        "select engagement_time, engagement_time_at_most from warehouse.main.pageview_ledger"
        " order by all"
    ) == [(0, 6), (300, 300)]


def test_no_bound_of_the_ledger_is_beyond_the_cap(tmp_path: Path) -> None:
    with Projected(tmp_path / "warehouse.duckdb", rules=Rules(engagement_cap=30)) as projected:
        projected.append([glimpse(1), glimpse(1, 1, engagement_ms=20_100)]).project()
        assert projected.rows(
            "select engagement_time, engagement_time_at_most from warehouse.main.pageview_ledger"
        ) == [(20.1, 30)]


def test_the_list_of_bots_is_heeded_and_described_anew(tmp_path: Path) -> None:
    rules = Rules(bots=Bots(also=("firefox/140",), never=("googlebot",)))
    told = [glimpse(1), glimpse(2, session=2, browser_agent="Googlebot/2.1")]
    with Projected(tmp_path / "warehouse.duckdb", rules=rules) as projected:
        projected.append(told).project()
        assert projected.rows(
            "select browser, device, is_bot from warehouse.main.browser_agent order by all"
        ) == [("Firefox", "bot", True), ("Googlebot", "other", False)]
    assert agent_data(rules) != agent_data(None)
    assert agent_data(rules) != agent_data(Rules(bots=Bots(also=("firefox/140",))))


def test_the_tables_as_the_browsers_told_are_those_of_a_warehouse_without_rules(
    tmp_path: Path, projected: Projected
) -> None:
    told = [*visit(1, 0), *visit(2, 30, minutes=9), forgotten(7, NOW)]
    projected.append(told).project(batch=2)
    with Projected(tmp_path / "unruled.duckdb") as unruled:
        unruled.append(told).project(batch=2)
        assert unruled.warehouse.rules is None
        for table in TOLD:
            assert unruled.rows(f"from warehouse.{table}") == projected.rows(
                f"from warehouse.browser.{table}"
            )


def test_who_fills_the_tables_by_other_means_splits_all_at_once(projected: Projected) -> None:
    told = [*visit(1, 0), *visit(2, 30), *visit(3, 35), *visit(4, 60), *visit(5, 0, session=105)]
    projected.append(told).project()
    split = "from warehouse.browser.session_split order by all"
    kept = projected.rows(split)
    with projected.warehouse.transaction():
        projected.connection.execute("delete from session_split")
        Splitting(projected.warehouse).all()
    assert projected.rows(split) == kept
    assert len(kept) == 3


def test_a_file_keeps_its_rules_and_is_refused_with_others(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Projected(path, rules=RULES) as first:
        first.append(visit(1, 0)).project()
    with Projected(path) as second:
        assert second.warehouse.rules == RULES
        second.position = 2
        second.append([*visit(1, 0), *visit(2, 30)]).project()
        assert sessions(second) == {uuid7(101): 1, page(2, 30): 1}
    other = Rules(session_timeout=60)
    with pytest.raises(WarehouseError, match=f"has rules {RULES.digest}: expected rules {other.digest}, .* by a replay"):  # fmt: skip
        LiveWarehouse(path, rules=other)
    LiveWarehouse(path, rules=RULES).close()


def test_rules_do_not_come_into_a_file_that_is_there(tmp_path: Path) -> None:
    LiveWarehouse(tmp_path / "warehouse.duckdb").close()
    with pytest.raises(WarehouseError, match=f"has no rules: expected rules {RULES.digest}"):
        LiveWarehouse(tmp_path / "warehouse.duckdb", rules=RULES)


def test_a_shard_takes_no_rules(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"expected none in shard 1/3; rules are for"):
        LiveWarehouse(tmp_path / "warehouse-1-of-3.duckdb", Shard.parse("1/3"), RULES)


def test_rules_of_a_newer_form_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with LiveWarehouse(path, rules=RULES) as warehouse, warehouse.transaction():
        warehouse.note("rules", '{"version":2,"weights":{}}')
    with pytest.raises(RulesInvalid, match=r"warehouse\.duckdb: version is 2: expected 1"):
        LiveWarehouse(path)


def test_a_ruled_file_that_was_cut_short_is_no_half_of_one(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = (
        "import os; from dwell.rules import Rules; from dwell.warehouse.live import *;"
        f"rules = Rules(session_timeout={RULES.session_timeout}, engagement_cap={RULES.engagement_cap});"
        f"LiveWarehouse(Path({str(path)!r}), rules=rules); os.kill(os.getpid(), 9)"
    )
    assert script(code).status == -9
    with LiveWarehouse(path) as warehouse:
        assert warehouse.rules == RULES


def test_migrations_run_on_the_tables_and_make_the_views_anew(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Projected(path, rules=RULES) as projected:
        projected.append([*visit(1, 0), *visit(2, 30)]).project()
        tables = projected.tables()
        last = len(list((files("dwell.warehouse") / "migrations").iterdir()))
        with projected.warehouse.transaction() as connection:
            projected.warehouse.note("schema_version", str(last - 1))
            connection.execute("alter table pageview add column mood varchar")
            connection.execute("drop view warehouse.main.tracking_session")
    with Projected(path) as projected:
        columns = projected.rows("describe warehouse.main.pageview")
        assert columns[-1][0] == "mood"
        projected.connection.execute("alter table pageview drop column mood")
    with LiveWarehouse(path) as warehouse, warehouse.transaction():
        warehouse.note("schema_version", str(last - 1))
    with Projected(path) as projected:
        assert projected.tables() == tables


def test_every_table_view_and_column_says_what_it_is(projected: Projected) -> None:
    assert (
        projected.rows(
            "select schema_name, table_name, column_name from duckdb_columns()"
            " where database_name = 'warehouse' and not internal and comment is null"
            " union all select schema_name, table_name, null from duckdb_tables()"
            " where database_name = 'warehouse' and comment is null"
            " union all select schema_name, view_name, null from duckdb_views()"
            " where database_name = 'warehouse' and not internal and comment is null"
        )
        == []
    )


def test_the_views_have_the_names_columns_and_types_of_the_tables(
    projected: Projected, tmp_path: Path
) -> None:
    shape = (
        "select table_name, column_name, data_type, column_index from duckdb_columns()"
        " where database_name = 'warehouse' and schema_name = 'main' and not internal order by all"
    )
    with Projected(tmp_path / "unruled.duckdb") as unruled:
        assert projected.rows(shape) == unruled.rows(shape)


READERS = Path(__file__).parents[2] / ".cache" / "readers"


@pytest.mark.parametrize("version", ["1.4", "1.5", "2.0"])
def test_stock_clients_read_every_view(projected: Projected, tmp_path: Path, version: str) -> None:
    environ = dict(os.environ)
    if not duckdb.__version__.startswith(version):
        folder = READERS / f"duckdb-{version}"
        if not folder.exists():
            pytest.skip(f"DuckDB {version} is not there: ./dev test brings it where it can")
        environ["PYTHONPATH"] = str(folder)
    projected.append([*visit(1, 0), *visit(2, 30, minutes=9)]).project()
    projected.warehouse.checkpoint()
    snapshot.copy(projected.warehouse.path, published := tmp_path / "published.duckdb")
    code = (
        "import duckdb, sys; c = duckdb.connect();"
        "c.execute(f\"attach '{sys.argv[1]}' as other (read_only)\");"
        'names = [name for (name,) in c.execute("select view_name from duckdb_views()'
        " where not internal and schema_name = 'main' and database_name = 'other'\").fetchall()];"
        "[c.execute(f'select * from other.{name}').fetchall() for name in names];"
        "print(duckdb.__version__, len(names));"
        "c.execute('use other');"
        "print(c.execute('select session_id::varchar, pageviews from tracking_session"
        " order by started_at').fetchall());"
        "print(c.execute('select engagement_time from pageview_ledger order by all').fetchall())"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, str(published)], env=environ, capture_output=True, text=True
    )
    assert read.returncode == 0, read.stderr
    said, parts, seconds = read.stdout.splitlines()
    assert said.startswith(version)
    assert parts == str([(uuid7(101), 1), (page(2, 30), 1)])
    assert seconds == "[(60.0,), (300.0,)]"
