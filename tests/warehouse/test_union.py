"""The union of the shards: for whoever reads it, one warehouse."""

import itertools
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from dwell.errors import WarehouseError
from dwell.shard import Shard
from dwell.warehouse.published import Published
from dwell.warehouse.session import Session
from dwell.warehouse.union import Union
from tests.support.facts import LAWFUL, NOW, Stored, forgotten, glimpse, uuid7
from tests.support.sharding import Sharded
from tests.warehouse.test_law import any_records, examples, tables_of
from tests.warehouse.test_published import rows
from tests.warehouse.test_snapshot import READERS

COUNT = "select count(*) from pageview"
FOLDERS = itertools.count()


@composite
def spread(draw: DrawFn) -> tuple[list[Stored], list[tuple[int, Stored]]]:
    """Some records, and the same with some of them repeated, each in any of three shards."""
    records = draw(any_records())
    again = draw(st.lists(st.sampled_from(records), max_size=5))
    told = draw(st.permutations(records + again))
    return records, [(draw(st.integers(1, 3)), each) for each in told]


@examples(1)
@given(told=spread())
def test_any_spread_over_shards_gives_the_tables_of_one_file(
    told: tuple[list[Stored], list[tuple[int, Stored]]], tmp_path: Path
) -> None:
    records, spread = told
    with Sharded(tmp_path / f"sharded-{next(FOLDERS)}", 3) as sharded:
        for number in (1, 2, 3):
            sharded.fill(number, [each for shard, each in spread if shard == number], batch=5)
        assert sharded.heed().unite(1).tables() == tables_of(records, 100, tmp_path)


def test_shards_that_have_read_nothing_are_one_file_without_rows(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, []).fill(2, [])
        assert sharded.heed().unite(1).tables() == tables_of([], 1, tmp_path)


def test_a_session_in_two_shards_is_one_row_with_all_its_pageviews(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, [glimpse(1), glimpse(2), glimpse(3, session=2)])
        sharded.append(2, [glimpse(2, 1, engagement_ms=5000), glimpse(4, received_at=NOW + 9)])
        assert sharded.rows("select session_id::varchar, pageviews from tracking_session") == [
            (uuid7(2), 1),
            (uuid7(1), 3),
        ]
        assert sharded.rows("select sum(engagement_time), count(*) from pageview") == [(5.0, 4)]
        assert sharded.rows("select count(*) from visibility_change") == [(5,)]


def test_a_pageview_of_two_sessions_is_counted_in_one(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, [glimpse(1, 0, session=1)])
        sharded.append(2, [glimpse(1, 1, session=2)])
        counts = "select pageviews from tracking_session order by session_id"
        assert sharded.rows(counts) == [(1,), (0,)]


def test_an_agent_is_described_once_and_only_if_a_session_has_it(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, [glimpse(1, browser_agent="A/1"), glimpse(2, session=2)])
        late = NOW + 1
        sharded.append(
            2,
            [
                glimpse(1, 1, browser_agent="B/1", received_at=late),
                glimpse(3, session=3, browser_agent="A/1"),
            ],
        )
        agents = "select browser_agent from browser_agent where length(browser_agent) = 3"
        assert sharded.rows(agents) == [("A/1",)]


def test_who_is_forgotten_in_one_shard_is_forgotten_in_all(tmp_path: Path) -> None:
    with Sharded(tmp_path, 3) as sharded:
        sharded.fill(1, [glimpse(1, visitor=1), glimpse(2, session=2, visitor=2)])
        sharded.append(2, [glimpse(1, 1, visitor=1), glimpse(1, 2, visitor=2)])
        sharded.append(3, [forgotten(1, NOW)]).heed().unite(3)
        assert sharded.rows("select pageview_id::varchar, last_seq from pageview order by all") == [
            (uuid7(1), 2),
            (uuid7(2), 0),
        ]
        for shard in sharded.projected:
            assert shard.rows("select count(*) from warehouse.erasure") == [(1,)]
        assert sharded.rows("select visitor_id::varchar from erasure") == [(uuid7(1),)]


def test_it_has_the_tables_columns_and_comments_of_one_file(tmp_path: Path) -> None:
    described = (
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = 'main' and not internal "
        "and table_name <> 'shard' order by table_name, column_index"
    )
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, [glimpse(1)]).append(2, [glimpse(2)])
        assert sharded.rows(described) == sharded.projected[0].rows(described)
        assert sharded.rows("select comment like 'One row for%' from duckdb_views() where view_name = 'pageview' and schema_name = 'main'") == [(True,)]  # fmt: skip
        assert sharded.rows("select shard from shard") == [("1/2",), ("2/2",)]


def test_a_shard_that_has_not_published_yet_is_left_out_until_it_has(tmp_path: Path) -> None:
    with Sharded(tmp_path, 3) as sharded:
        sharded.append(2, [glimpse(1)])
        assert sharded.rows("select shard, (select count(*) from pageview) from shard") == [
            ("2/3", 1)
        ]
        sharded.append(3, [glimpse(2)])
        sharded.append(2, [glimpse(3)])
        assert sharded.rows(COUNT) == [(3,)]


def test_files_of_other_days_do_not_count(tmp_path: Path) -> None:
    with Sharded(tmp_path, 3) as before:
        for number in (1, 2, 3):
            before.append(number, [glimpse(number)])
    with Sharded(tmp_path / "new", 2) as sharded:
        shutil.copytree(tmp_path / "shards-of-3", tmp_path / "new" / "shards-of-3")
        sharded.append(1, [glimpse(7)])
        assert sharded.rows(COUNT) == [(1,)]


def test_a_publication_of_one_file_is_replaced(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.published.write_text("what a projector of everything had published")
        sharded.append(1, [glimpse(1)])
        assert sharded.rows(COUNT) == [(1,)]


def test_a_folder_that_was_moved_is_mended_by_the_next_publication(tmp_path: Path) -> None:
    with Sharded(tmp_path / "here", 2) as sharded:
        sharded.fill(1, [glimpse(1)]).append(2, [glimpse(2)])
    moved = (tmp_path / "here").rename(tmp_path / "there") / "warehouse.duckdb"
    with duckdb.connect(moved, read_only=True) as stock, pytest.raises(duckdb.Error, match="here"):
        stock.execute(COUNT)
    with Session(moved) as session:  # looks beside the file
        assert rows(session, COUNT) == [[2]]
    Union(moved, Shard(2, 2)).publish()
    with duckdb.connect(moved, read_only=True) as stock:
        assert stock.execute(COUNT).fetchall() == [(2,)]


@pytest.mark.parametrize("change", ["drop view pageview", "create table notes as select 1"])
def test_what_a_client_changed_in_it_is_mended(tmp_path: Path, change: str) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, [glimpse(1)]).append(2, [glimpse(2)])
        sharded.published.chmod(0o644)
        killed = "; import os; os.kill(os.getpid(), 9)" if "notes" in change else ""
        code = f"import duckdb; duckdb.connect({str(sharded.published)!r}).execute({change!r})"
        subprocess.run([sys.executable, "-c", code + killed], check=False)
        sharded.append(1, [glimpse(3)])
        assert sharded.rows(COUNT) == [(3,)]
        assert sharded.rows("from duckdb_tables() where table_name = 'notes'") == []


def test_a_union_that_is_as_it_should_be_is_touched_and_not_written(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, []).append(2, []).append(1, [])
        before = sharded.published.stat()
        sharded.fill(1, [glimpse(1)]).append(2, [glimpse(2)])
        after = sharded.published.stat()
        assert after.st_ino == before.st_ino
        assert after.st_mtime_ns > before.st_mtime_ns
        assert after.st_mode & 0o777 == 0o444


def test_projectors_may_unite_all_at_once(tmp_path: Path) -> None:
    with Sharded(tmp_path, 3) as sharded:
        for number in (1, 2, 3):
            sharded.fill(number, [glimpse(number)])
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(sharded.unite, (1, 2, 3)))
            list(pool.map(sharded.unite, (3, 2, 1, 3, 2, 1)))
        assert sharded.rows(COUNT) == [(3,)]
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["live", "shards-of-3", "warehouse.duckdb"]


def test_a_union_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.published.mkdir()
        with pytest.raises(WarehouseError, match=r"warehouse\.duckdb could not be published"):
            sharded.append(1, [glimpse(1)])
        sharded.published.rmdir()
        sharded.append(1, [glimpse(2)])
        assert sharded.rows(COUNT) == [(2,)]


def test_a_long_lived_reader_sees_every_publication_of_every_shard(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, [glimpse(1)])
        published = Published(sharded.published)
        for number in range(2, 7):
            sharded.append(1 + number % 2, [glimpse(number)])
            assert published.query(COUNT) == [(number,)]
        published.close()


def test_a_connection_that_is_out_keeps_the_shards_it_has(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        published = Published(sharded.append(1, [glimpse(1)]).published)
        with published.connection() as early:
            sharded.append(2, [glimpse(2)]).append(1, [glimpse(3)])
            assert published.query(COUNT) == [(3,)]
            assert early.execute(COUNT).fetchall() == [(1,)]
        published.close()


def test_a_session_sees_the_newest_and_a_transaction_one_state(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, [glimpse(1)]).append(2, [glimpse(2)])
        with Session(sharded.published) as session:
            assert rows(session, f"create temp table mine as {COUNT}; begin; {COUNT}") == [[2]]
            sharded.append(2, [glimpse(3)])
            assert rows(session, COUNT) == [[2]]
            assert rows(session, f"commit; {COUNT}") == [[3]]
            assert rows(session, "from mine") == [[2]]
            names = [table.name for table in session.tables()]
        assert set(LAWFUL) < set(names)
        assert len(names) == len(set(names))


def test_reading_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.fill(1, [glimpse(1)]).append(2, [glimpse(2)])
        with Session(sharded.published) as session:
            assert rows(session, COUNT) == [[2]]
            names = {each.name for each in tmp_path.iterdir()}
    assert names == {"live", "shards-of-2", "warehouse.duckdb"}


def test_no_statement_of_a_session_reaches_a_shard_s_file(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, [glimpse(1)])
        with Session(sharded.published) as session:
            for statement, why in (
                ("delete from shard_1.pageview", "read-only"),
                ("drop view pageview", "read-only"),
                (f"attach '{tmp_path}/shards-of-2/1.duckdb' as mine", "disabled"),
            ):
                with pytest.raises(duckdb.Error, match=why):
                    session._connection.execute(statement)


READ = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print(duckdb.__version__)
names = [name for (name,) in connection.execute(
    "select view_name from duckdb_views() where not internal and schema_name = 'main'").fetchall()]
for name in names:
    connection.execute(f"select * from {name}").fetchall()
print(connection.execute("select count(*), sum(engagement_time) from pageview").fetchone())
print(connection.execute("select list(pageviews) from tracking_session").fetchone())
"""
ATTACH = """
import duckdb, sys
connection = duckdb.connect()
for name, file in (("warehouse", "union"), ("shard_1", "1"), ("shard_2", "2")):
    connection.execute(f"attach '{sys.argv[1]}/{file}.duckdb' as {name} (read_only)")
connection.execute("use warehouse")
print(duckdb.__version__)
print(connection.execute("select count(*), sum(engagement_time) from pageview").fetchone())
print(connection.execute("select list(pageviews) from tracking_session").fetchone())
"""


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two shards that share a pageview; nobody writes there."""
    folder = tmp_path_factory.mktemp("crossed")
    with Sharded(folder, 2) as sharded:
        sharded.fill(1, [glimpse(1), glimpse(2)])
        sharded.append(2, [glimpse(1, 1, engagement_ms=3000), glimpse(3)])
    return folder


@pytest.mark.parametrize("how", [READ, ATTACH], ids=["read", "attached"])
@pytest.mark.parametrize("version", ["2.0", pytest.param("1.5", marks=pytest.mark.long), "1.4"])
def test_stock_clients_read_it(crossed: Path, version: str, how: str) -> None:
    if (version, how) == ("1.4", READ):
        pytest.skip("DuckDB 1.4 has no read_duckdb: it attaches the shards")
    environ = dict(os.environ)
    if not duckdb.__version__.startswith(version):
        if not (READERS / f"duckdb-{version}").exists():
            pytest.skip(f"DuckDB {version} is not there: ./dev test brings it where it can")
        environ["PYTHONPATH"] = str(READERS / f"duckdb-{version}")
    opened = crossed / "shards-of-2" if how == ATTACH else crossed / "warehouse.duckdb"
    command = [sys.executable, "-c", how, str(opened)]
    read = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    said, *answers = read.stdout.splitlines()
    assert said.startswith(version)
    assert answers == ["(3, 3.0)", "([3],)"]
