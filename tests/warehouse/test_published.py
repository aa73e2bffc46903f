import gc
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from dwell.errors import QueryFailed, WarehouseError
from dwell.warehouse.published import LINKS, Published, open_published
from dwell.warehouse.session import Session, is_complete
from tests.support.publishing import publish

COUNT = "select count(*) from pageview"


def publish_number(path: Path, number: int) -> Path:
    """A publication that holds one number, put in place as the publisher does."""
    draft = path.with_name("draft")
    with duckdb.connect(str(draft)) as connection:
        connection.execute(f"create table pageview as select {number} as n")
    draft.chmod(0o444)
    return draft.replace(path)


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def count_of(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(COUNT).fetchone()
    assert row is not None
    return int(row[0])


def test_an_open_reader_keeps_its_publication_and_a_new_one_sees_the_newest(tmp_path: Path) -> None:
    path = publish(tmp_path, [1.0])
    with open_published(path) as early:
        assert count_of(early) == 1
        publish(tmp_path, [2.0])
        with open_published(path) as late:
            assert count_of(late) == 2
        assert count_of(early) == 1


def test_opening_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    with open_published(path) as connection:
        assert count_of(connection) == 1
        assert names_in(tmp_path) == ["warehouse.duckdb"]


def test_a_link_that_a_killed_reader_left_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    (tmp_path / LINKS).mkdir()
    young = tmp_path / LINKS / "young.duckdb"
    young.hardlink_to(path)
    open_published(path).close()
    assert young.exists()  # another reader may be opening it
    monkeypatch.setattr("dwell.warehouse.published.LINK_SECONDS", -1)
    open_published(path).close()
    assert names_in(tmp_path) == ["warehouse.duckdb"]


def test_where_no_link_can_be_made_a_copy_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 7)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with open_published(path) as connection:
        assert connection.execute("from pageview").fetchall() == [(7,)]
        folder = connection.execute("select current_setting('temp_directory')").fetchone()
    assert folder is not None
    assert not Path(folder[0]).exists()


READS_TWICE = """
import sys
from pathlib import Path
from dwell.warehouse.published import Published
from dwell.warehouse.session import Session

path = Path(sys.argv[1])
published, session = Published(path), Session(path)

def asked():
    results = session.run("from pageview")
    return [row["n"] for each in results for batch in each.batches for row in batch.to_pylist()]

print(published.query("from pageview"), asked(), flush=True)
with published.connection() as early:
    sys.stdin.readline()
    print(published.query("from pageview"), asked(), early.execute("from pageview").fetchall())
    for act in (f"attach '{path}' as writable", f"copy (select 1) to '{path}'"):
        try:
            early.execute(act)
        except Exception:
            print("refused")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes root its might by setpriv")
def test_in_a_folder_that_cannot_be_written_every_publication_is_read_in_place(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = publish_number(folder / "warehouse.duckdb", 1)
    folder.chmod(0o555)
    root = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
    command = [*(root if os.geteuid() == 0 else ()), sys.executable, "-c", READS_TWICE, str(path)]
    environ = os.environ | {"TMPDIR": str(tmp_path / "spill")}
    (tmp_path / "spill").mkdir()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "[(1,)] [1]\n"
        assert names_in(tmp_path / "spill") == []  # no copy
        folder.chmod(0o755)
        publish_number(path, 2)
        folder.chmod(0o555)
        said, _ = reader.communicate("\n")
    folder.chmod(0o755)
    assert said.splitlines() == ["[(2,)] [2] [(1,)]", "refused", "refused"]
    assert names_in(folder) == ["warehouse.duckdb"]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from pageview",
        "create table t (i int)",
        "drop table pageview",
        "attach '{path}' as writable",
        "copy (select 1 as n) to '{path}' (format parquet)",
        "copy (select 1 as n) to '{folder}/new.csv'",
        "export database '{folder}/all'",
        "select * from read_text('/etc/passwd')",
        "set enable_external_access = true",
    ],
)
def test_no_statement_changes_or_reads_a_file(tmp_path: Path, statement: str) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    before = path.read_bytes()
    with open_published(path) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement.format(path=path, folder=tmp_path))
    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["warehouse.duckdb"]


def test_without_a_warehouse_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        WarehouseError, match=r"no warehouse at .*warehouse\.duckdb yet: `dwell up`"
    ):
        open_published(tmp_path / "warehouse.duckdb")


def test_a_file_that_is_no_warehouse_is_named(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(
        WarehouseError, match=r"warehouse\.duckdb is no DuckDB file: expected a ware"
    ):
        open_published(path)
    shutil.rmtree(tmp_path / LINKS, ignore_errors=True)


def test_a_stray_write_ahead_log_beside_the_file_does_no_harm(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    path.with_name("warehouse.duckdb.wal").write_bytes(b"left by a client that was killed")
    with open_published(path) as connection:
        assert count_of(connection) == 1


def test_a_long_lived_reader_sees_every_publication(tmp_path: Path) -> None:
    published = Published(publish_number(tmp_path / "warehouse.duckdb", 0))
    for number in range(5):
        publish_number(tmp_path / "warehouse.duckdb", number)
        assert published.query("select n from pageview where n >= ?", [0]) == [(number,)]
    published.close()


def test_a_connection_that_is_out_keeps_its_publication_until_it_is_back(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    published = Published(path)
    with published.connection() as early:
        publish_number(path, 2)
        assert published.query("from pageview") == [(2,)]
        assert early.execute("from pageview").fetchall() == [(1,)]
        old = published._newest
    publish_number(path, 3)
    assert published.query("from pageview") == [(3,)]
    assert old is not None
    with pytest.raises(duckdb.Error):  # drained, hence closed
        old.connection.execute("select 1")
    published.close()


def test_many_threads_read_while_publications_come(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 0)
    published = Published(path)
    seen: list[list[int]] = [[] for _ in range(3)]
    done = threading.Event()

    def read(mine: list[int]) -> None:
        while not done.is_set():
            mine.append(published.query("select n from pageview")[0][0])

    threads = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for number in range(1, 9):
        publish_number(path, number)
        assert published.query("select n from pageview") == [(number,)]
    done.set()
    for thread in threads:
        thread.join()
    published.close()
    gc.collect()
    for mine in seen:
        assert mine
        assert mine == sorted(mine)


def test_a_session_sees_the_newest_and_keeps_its_temporary_tables(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    with Session(path) as session:
        assert rows(session, "create temp table mine as from pageview; from mine") == [[1]]
        publish_number(path, 2)
        assert rows(session, "select p.n as new, m.n as mine from pageview p, mine m") == [[2, 1]]


def test_a_transaction_sees_one_publication(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    with Session(path) as session:
        assert rows(session, "begin; from pageview") == [[1]]
        publish_number(path, 2)
        assert rows(session, "from pageview") == [[1]]
        assert rows(session, "commit; from pageview") == [[2]]


def test_a_transaction_that_failed_sees_the_newest_after_rollback(tmp_path: Path) -> None:
    path = publish_number(tmp_path / "warehouse.duckdb", 1)
    with Session(path) as session:
        with pytest.raises(QueryFailed):
            rows(session, "begin; select error('no') from pageview")
        publish_number(path, 2)
        assert rows(session, "rollback; from pageview") == [[2]]


def test_a_failed_statement_leaves_the_session_usable(tmp_path: Path) -> None:
    with Session(publish_number(tmp_path / "warehouse.duckdb", 1)) as session:
        for statement in (
            "from pageviews",
            "selec 1",
            "select error('half way') from range(10)",
            ";",
        ):
            with pytest.raises(QueryFailed):
                rows(session, statement)
        assert rows(session, "from pageview") == [[1]]


def test_a_result_left_half_read_does_not_block_the_next(tmp_path: Path) -> None:
    with Session(publish_number(tmp_path / "warehouse.duckdb", 1)) as session:
        for result in session.run("from range(1000000000)"):
            assert next(result.batches).num_rows > 0
            break
        assert rows(session, "from pageview") == [[1]]


def rows(session: Session, sql: str) -> list[list[object]]:
    """The rows of the last result."""
    found: list[list[object]] = []
    for result in session.run(sql):
        found = [list(row.values()) for batch in result.batches for row in batch.to_pylist()]
    return found


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;",
        "select 1; -- done",
        "select ';';  ",
        "select 'it''s';",
        'select ";" from t;',
        "select $$;$$;\n",
        "select 1 /* ; */ ;",
    ],
)
def test_a_whole_statement_is_complete(sql: str) -> None:
    assert is_complete(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "select 1",
        "select ';",
        "select 1 -- ;",
        "select 1 /* ;",
        "select ';'",
        "select $$;",
        "--;",
    ],
)
def test_half_a_statement_is_not(sql: str) -> None:
    assert not is_complete(sql)
