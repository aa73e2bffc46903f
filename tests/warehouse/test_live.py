"""The live warehouse: one file, one owner."""

import subprocess
import sys
from pathlib import Path

import pytest

from dwell.errors import LogMismatch, WarehouseError, WarehouseHeld
from dwell.shard import Shard
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import Projected, glimpse


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    code = f"from dwell.warehouse.live import *; LiveWarehouse(Path({str(path)!r}))"
    with LiveWarehouse(path):
        held = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert held.returncode == 1
    assert "WarehouseHeld" in held.stderr
    assert "is held by process " in held.stderr
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


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
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
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
