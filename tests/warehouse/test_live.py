"""The live warehouse: one file, one owner."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import randbytes

import pytest

from dwell.errors import LogMismatch, WarehouseDamaged, WarehouseError, WarehouseHeld
from dwell.shard import Shard
from dwell.warehouse import live
from dwell.warehouse.contents import read
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import Projected, glimpse
from tests.support.running import script

MIB = 2**20


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = f"from dwell.warehouse.live import *; LiveWarehouse(Path({str(path)!r}))"
    with LiveWarehouse(path):
        held = script(code)
    assert held.status == 1
    assert "WarehouseHeld" in held.stderr
    assert "is held by process " in held.stderr
    assert script(code).status == 0


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with LiveWarehouse(path), pytest.raises(WarehouseHeld, match="is held by process"):
        LiveWarehouse(path)


def test_a_shard_that_is_held_may_be_another_one(tmp_path: Path) -> None:
    path, shard = tmp_path / "warehouse-1-of-3.duckdb", Shard.parse("1/3")
    with (
        LiveWarehouse(path, shard),
        pytest.raises(
            WarehouseHeld, match=r"-1-of-3\.duckdb is held by .* or give --shard another"
        ),
    ):
        LiveWarehouse(path, shard)


def test_the_offsets_belong_to_one_log(tmp_path: Path) -> None:
    with LiveWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.belong_to("embedded one")
        warehouse.belong_to("embedded one")
        with pytest.raises(LogMismatch, match="made from log embedded one, and the log at hand is"):
            warehouse.belong_to("embedded two")


def test_a_file_is_one_shard_s_for_good(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with LiveWarehouse(path, Shard.parse("1/3")) as warehouse:
        assert warehouse.info("shard") == "1/3"
    LiveWarehouse(path, Shard.parse("1/3")).close()
    with pytest.raises(WarehouseError, match=r"holds shard 1/3: expected shard 2/3; move the file"):
        LiveWarehouse(path, Shard.parse("2/3"))
    with pytest.raises(WarehouseError, match=r"holds shard 1/3: expected all of the log"):
        LiveWarehouse(path)


def test_a_file_of_the_whole_log_becomes_no_shard(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with LiveWarehouse(path) as warehouse:
        warehouse.belong_to("log")
    with pytest.raises(WarehouseError, match=r"holds all of the log: expected shard 1/3"):
        LiveWarehouse(path, Shard.parse("1/3"))


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with LiveWarehouse(path) as warehouse, warehouse.transaction():
        warehouse.note("schema_version", "99")
    with pytest.raises(WarehouseError, match=r"has schema version 99: expected at most \d+"):
        LiveWarehouse(path)


def test_a_file_that_is_no_warehouse_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_text("these are notes, and no database at all\n" * 200)
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb cannot be opened"):
        LiveWarehouse(path)
    assert path.read_text().startswith("these are notes")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WarehouseError, match="expected a folder that can be written"):
        LiveWarehouse(tmp_path / "file" / "warehouse.duckdb")


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    with LiveWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        with pytest.raises(ZeroDivisionError), warehouse.transaction():
            warehouse.note("half", "done")
            raise ZeroDivisionError
        assert warehouse.info("half") is None


def test_what_was_committed_survives_without_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = (
        "import os, sys; from pathlib import Path; from tests.support.facts import *;"
        f"Projected(Path({str(path)!r})).append([glimpse(1), glimpse(2)]).project();"
        "os.kill(os.getpid(), 9)"
    )
    assert script(code).status == -9
    with Projected(path) as projected:
        assert projected.rows("select count(*) from warehouse.pageview") == [(2,)]
        assert projected.rows("from warehouse.log_offset") == [(0, 2)]
        projected.append([glimpse(1), glimpse(2), glimpse(3)])
        projected.position = 2
        projected.project()
        assert projected.rows("select count(*) from warehouse.pageview") == [(3,)]


def test_the_views_of_an_older_version_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with LiveWarehouse(path) as warehouse, warehouse.transaction() as connection:
        connection.execute("drop view warehouse.session_with_agent")
        connection.execute("create or replace view warehouse.pageview_ledger as select 1 as former")
        warehouse.note("views", "those of an older version")
    with LiveWarehouse(path) as warehouse:
        made = warehouse.connection.execute("describe warehouse.pageview_ledger").fetchall()
        assert "former" not in [column for column, *_ in made]
        assert warehouse.connection.execute("from warehouse.session_with_agent").fetchall() == []
        noted = warehouse.info("views")
    with LiveWarehouse(path) as warehouse:
        assert warehouse.info("views") == noted


def test_there_is_no_index(tmp_path: Path) -> None:
    with LiveWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        assert (
            warehouse.connection.execute(
                "select index_count from duckdb_tables() where index_count > 0"
            ).fetchall()
            == []
        )


def test_a_file_is_kept_as_it_was_before_its_tables_are_brought_up_to_date(tmp_path: Path) -> None:
    """The last migration is run again, on a file that says that it has not had it."""
    path = tmp_path / "live" / "warehouse.duckdb"
    with Projected(path) as projected:
        projected.append([glimpse()]).project()
        newest = int(projected.warehouse.info("schema_version") or 0)
        projected.warehouse.note("schema_version", str(newest - 1))
    kept = path.parent / "former" / f"warehouse-schema-{newest - 1}.duckdb"
    with LiveWarehouse(path) as warehouse:
        assert warehouse.info("schema_version") == str(newest)
    contents, census = read(kept)
    assert (contents.schema, census.rows["pageview"]) == (newest - 1, 1)
    LiveWarehouse(path).close()
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]


def test_without_a_copy_that_could_be_kept_the_tables_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "live" / "warehouse.duckdb"
    with LiveWarehouse(path) as warehouse:
        warehouse.note("schema_version", "3")
    (path.parent / "former").write_text("no folder")
    with pytest.raises(
        WarehouseError, match="and is not brought to a newer one, for no copy could"
    ):
        LiveWarehouse(path)
    assert read(path)[0].schema == 3


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """No file grows beyond so many bytes: what is refused then is refused as by a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full_is_told_of_in_one_line_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Projected(path) as projected:
        projected.append([glimpse()]).project()
    size = path.stat().st_size
    with pytest.raises(WarehouseError) as caught, full_disk(size), LiveWarehouse(path) as warehouse:
        for length in (size * 3 // 4, 2 * size):  # the first has room in the write-ahead log alone
            with warehouse.transaction() as connection:
                connection.execute(LETTER, [randbytes(length)])
    told = str(caught.value)
    assert told.startswith(f"{path} could not be written: ")
    assert "\n" not in told
    with LiveWarehouse(path) as warehouse:
        lengths = warehouse.connection.execute("select octet_length(payload) from dead_letter")
        assert lengths.fetchall() == [(size * 3 // 4,)]


LETTER = "insert into dead_letter by name select 0 as partition, 0 as \"offset\", 'not_json' as reason, '' as detail, ?::blob as payload, '2026-03-01'::timestamp as received_at"


def overwritten(content: bytes, block: int) -> bytes:
    """Behind its three headers of 4 KiB, a file has blocks of 256 KiB."""
    start = 3 * 4096 + block * 262_144
    return content[:start] + bytes(range(256)) * 256 + content[start + 65_536 :]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda content: bytes(range(256)) * 48, id="another file"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut"),
        pytest.param(lambda content: overwritten(content, 0), id="first block"),
        pytest.param(lambda content: overwritten(content, 1), id="second block"),
    ],
)
def test_a_damaged_file_is_told_and_what_to_do(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Projected(path) as projected:
        projected.append([glimpse(1)]).project()
        projected.warehouse.checkpoint()
    assert live.damage(path) == ""
    path.write_bytes(harm(path.read_bytes()))
    assert live.damage(path) != ""
    with pytest.raises(WarehouseDamaged, match=r"move it away, and it is made anew from the log"):
        LiveWarehouse(path)


def test_a_file_that_is_only_held_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "checksums, corrupt" / "warehouse.duckdb"
    LiveWarehouse(path).close()
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert live.damage(path) == ""
        with pytest.raises(WarehouseError, match="Could not set lock") as refused:
            LiveWarehouse(path)
        assert "move it away" not in str(refused.value)
        other.communicate()
    LiveWarehouse(path).close()


def test_it_lets_go_of_what_it_read_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CALM_LIMIT", "4MiB")
    with LiveWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        rows = "select hash(range) as value from range(2_000_000)"
        warehouse.connection.execute(f"create table warehouse.main.long_ago as {rows}")
        warehouse.checkpoint()
        warehouse.connection.execute("select max(value) from warehouse.main.long_ago")
        assert kept(warehouse) > 8 * MIB
        warehouse.let_go()
        assert kept(warehouse) <= 4 * MIB
        limit = warehouse.connection.execute("select current_setting('memory_limit')").fetchone()
        assert limit == ("1.0 GiB",)


def kept(warehouse: LiveWarehouse) -> int:
    """Bytes of the file that DuckDB has in memory."""
    asked = "select memory_usage_bytes from duckdb_memory() where tag = 'BASE_TABLE'"
    [(found,)] = warehouse.connection.execute(asked).fetchall()
    return int(found)
