"""`dwell export`: tables of one publication as files, whole or not at all."""

import csv
import gzip
import io
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from dwell.cli import run
from dwell.commands.export import FORMATS
from dwell.commands.export.export import sized
from dwell.warehouse.exporting import FORMS, Period, exporting
from tests.support.facts import NOW, Projected, glimpse, uuid7
from tests.support.publishing import copy_of
from tests.support.running import Piped, environment, piped, wait_until, wait_until_at_work
from tests.support.sharding import Sharded

DAY = 86_400_000
TITLE = 'Ä "quoted", comma\nand a second line'


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pageviews on three days; the second one's visitors are two, its title is awkward."""
    folder = tmp_path_factory.mktemp("data")
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(
            [
                glimpse(1),
                glimpse(1, 1, engagement_ms=1500, visibility="hidden"),
                glimpse(2, session=2, identity={"title": TITLE}, received_at=NOW + DAY),
                glimpse(2, 1, session=2, visitor=2, engagement_ms=250, received_at=NOW + DAY),
                glimpse(3, session=3, previous=2, referrer="/a", received_at=NOW + 2 * DAY),
            ]
        ).project()
        copy_of(projected.warehouse, folder)
    return folder


@dataclass(frozen=True)
class Said:
    status: int
    stdout: str
    stderr: str


def dwell_export(data: Path, *arguments: object) -> Said:
    """`dwell export …` in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        status = run(["export", "--data", str(data), *map(str, arguments)])
    return Said(status, stdout.getvalue(), stderr.getvalue())


def stock(sql: str) -> list[tuple[Any, ...]]:
    """Rows, as DuckDB alone reads the files."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def tables(data: Path) -> list[str]:
    """The tables and views of the published warehouse, in the order of their names."""
    with duckdb.connect(data / "warehouse.duckdb", read_only=True) as connection:
        shown = connection.execute("show tables").fetchall()
    return sorted(name for (name,) in shown)


def rows_of(data: Path, table: str) -> list[tuple[Any, ...]]:
    """A table of the published warehouse, ids and identities as text."""
    with duckdb.connect(data / "warehouse.duckdb", read_only=True) as connection:
        kinds = {
            name: kind for name, kind, *_ in connection.execute(f"describe {table}").fetchall()
        }
        told = {"UUID": "::varchar", "JSON": "::varchar", "UUID[]": "::varchar[]"}
        columns = ", ".join(f'"{name}"{told.get(kind, "")}' for name, kind in kinds.items())
        return connection.execute(f"select {columns} from {table} order by all").fetchall()


def test_every_table_and_view_is_a_file_of_parquet_with_the_same_rows(
    data: Path, tmp_path: Path
) -> None:
    said = dwell_export(data, "--to", tmp_path / "out")
    assert (said.status, said.stderr) == (0, "")
    files = sorted(os.listdir(tmp_path / "out"))  # noqa: PTH208
    assert files == sorted(["export.json", *(f"{table}.parquet" for table in tables(data))])
    assert {"pageview", "pageview_ledger"} <= set(tables(data))
    for table in tables(data):
        exported = stock(f"from '{tmp_path}/out/{table}.parquet' order by all")
        assert exported == rows_of(data, table), table
    assert exported
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208


def test_the_closing_line_counts_tables_rows_and_bytes(data: Path, tmp_path: Path) -> None:
    said = dwell_export(data, "pageview", "visibility_change", "--to", tmp_path / "out")
    first, second, closing = said.stdout.splitlines()
    assert first.split()[:3] == ["pageview", "3", "rows"]
    assert second.split()[:3] == ["visibility_change", "5", "rows"]
    size = sum(file.stat().st_size for file in (tmp_path / "out").glob("*.parquet"))
    assert closing == f"2 tables, 8 rows, {sized(size)} in {tmp_path}/out"


def test_the_forms_of_the_help_are_those_that_there_are() -> None:
    assert tuple(FORMS) == FORMATS


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (4.5e12, "4.5 TB")]
)
def test_bytes_are_told_as_people_read_them(count: int, text: str) -> None:
    assert sized(count) == text


def test_parquet_has_zstd_comments_and_types_that_other_tools_read(
    data: Path, tmp_path: Path
) -> None:
    dwell_export(data, "pageview", "--to", tmp_path / "p.parquet")
    file = pyarrow.parquet.ParquetFile(tmp_path / "p.parquet")
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    metadata = file.schema_arrow.metadata
    assert metadata[b"comment"] == b"One row for each pageview. All times are UTC."
    columns = json.loads(metadata[b"columns"])
    assert list(columns) == file.schema_arrow.names
    assert columns["session_id"] == "The tracking_session it belongs to."
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert (types["pageview_id"], types["identity"]) == ("string", "string")
    assert types["other_visitor_ids"] == "list<element: string>"
    assert types["started_at"] == "timestamp[us]"


def test_csv_tells_null_from_empty_and_times_in_utc(data: Path, tmp_path: Path) -> None:
    dwell_export(data, "pageview", "--to", tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text("utf-8")
    assert "\r" not in text
    rows = sorted(csv.DictReader(io.StringIO(text)), key=lambda row: row["pageview_id"])
    assert [row["engagement_time"] for row in rows] == ["1.5", "0.25", "0.0"]
    assert json.loads(rows[1]["identity"]) == {"title": TITLE}
    assert json.loads(rows[1]["other_visitor_ids"]) == [uuid7(2)]
    assert (rows[0]["started_at"], rows[0]["end_seen"]) == ("2025-11-24 15:59:58.5", "true")
    # A csv module cannot tell them; the text can: null is nothing, no referrer is an empty text.
    [none, given] = stock(
        f"select previous_pageview_id is null, referrer from read_csv('{tmp_path}/p.csv', "
        "allow_quoted_nulls = false) order by pageview_id limit 2 offset 1"
    )
    assert (none, given) == ((True, ""), (False, "/a"))


@pytest.mark.parametrize("form", ["csv", "csv.gz", "csv.zst"])
def test_csv_is_read_back_as_it_was(data: Path, tmp_path: Path, form: str) -> None:
    assert dwell_export(data, "--to", tmp_path / "out", "--format", form).status == 0
    for table in ("visibility_change", "browser_agent", "pageview_ledger"):
        file = f"'{tmp_path}/out/{table}.{form}', all_varchar = true, allow_quoted_nulls = false"
        with duckdb.connect(data / "warehouse.duckdb", read_only=True) as connection:
            told = f"select columns(*)::varchar from {table} order by all"
            assert stock(f"from read_csv({file}) order by all") == connection.sql(told).fetchall()
    if form == "csv.gz":
        assert b"Firefox" in gzip.decompress((tmp_path / "out/browser_agent.csv.gz").read_bytes())


def test_the_folder_says_what_is_in_it(data: Path, tmp_path: Path) -> None:
    dwell_export(data, "--to", tmp_path / "out", "--since", "2025-11-25", "--format", "csv")
    said = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (said["since"], said["until"]) == ("2025-11-25T00:00:00", None)
    assert sorted(table["name"] for table in said["tables"]) == tables(data)
    pageview = next(table for table in said["tables"] if table["name"] == "pageview")
    assert (pageview["file"], pageview["rows"], pageview["cut_by"]) == (
        "pageview.csv",
        2,
        "started_at",
    )
    assert pageview["columns"][0] == {
        "name": "pageview_id",
        "type": "UUID",
        "comment": "UUIDv7 of the pageview, minted by the browser.",
    }


def test_a_period_is_cut_out_by_the_time_of_each_table(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = dwell_export(data, "--to", out, "--since", "2025-11-25", "--until", "2025-11-26")
    lines = {line.split()[0]: line for line in said.stdout.splitlines()}
    for table, rows, by in (
        ("tracking_session", 1, "by started_at"),
        ("pageview", 1, "by started_at"),
        ("pageview_ledger", 1, "by started_at"),
        ("visibility_change", 2, "by occurred_at"),
        ("erasure", 0, "by received_at"),
        ("dead_letter", 0, "by received_at"),
        ("browser_agent", 1, "whole: it has no time to go by"),
    ):
        assert lines[table].split()[1] == str(rows), table
        assert lines[table].endswith(f"  {by}"), table
    [(identity,)] = stock(f"select identity from '{out}/pageview.parquet'")
    assert json.loads(identity) == {"title": TITLE}


def test_periods_side_by_side_have_every_row_once(data: Path, tmp_path: Path) -> None:
    noon = "2025-11-25T16:00"
    dwell_export(data, "visibility_change", "--to", tmp_path / "1.parquet", "--until", noon)
    dwell_export(data, "visibility_change", "--to", tmp_path / "2.parquet", "--since", noon)
    both = stock(f"from read_parquet('{tmp_path}/*.parquet') order by all")
    assert both == rows_of(data, "visibility_change")


def test_an_export_is_of_one_publication_whatever_is_published_meanwhile(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    out.mkdir()
    with Projected(data / "live" / "warehouse.duckdb") as projected:
        projected.append([glimpse(1)]).project()
        copy_of(projected.warehouse, data)
        with exporting(data / "warehouse.duckdb", out) as export:
            tables = {table.name: table for table in export.tables}
            rows = export.write(tables["pageview"], out / "p.parquet", "parquet", Period())
            projected.append([glimpse(2, session=2)]).project()
            copy_of(projected.warehouse, data)
            more = export.write(tables["tracking_session"], out / "s.csv", "csv", Period())
    assert (rows, more) == (1, 1)


def test_a_union_of_shards_is_exported_as_one_warehouse(tmp_path: Path) -> None:
    with Sharded(tmp_path / "data", 2) as sharded:
        sharded.fill(1, [glimpse(1), glimpse(2)])
        sharded.append(2, [glimpse(2, 1, engagement_ms=5000), glimpse(3, session=2)])
        said = dwell_export(tmp_path / "data", "--to", tmp_path / "out")
        assert said.status == 0, said.stderr
    lines = {line.split()[0]: line.split()[1] for line in said.stdout.splitlines()}
    assert (lines["pageview"], lines["tracking_session"]) == ("3", "2")
    assert (lines["visibility_change"], lines["shard"]) == ("4", "2")


def test_nothing_is_overwritten_unless_by_force_and_then_only_an_export(
    data: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "p.csv"
    for target in (out, file):
        assert dwell_export(data, "pageview", "--to", target).status == 0
        again = dwell_export(data, "pageview", "--to", target)
        assert (again.status, again.stdout) == (2, "")
        assert again.stderr == (
            f"dwell: --to is '{target}', which is there: expected another name, or --force\n"
        )
    assert dwell_export(data, "--to", out, "--format", "csv", "--force").status == 0
    assert sorted(os.listdir(out)) == sorted(  # noqa: PTH208
        ["export.json", *(f"{name}.csv" for name in tables(data))]
    )
    assert dwell_export(data, "erasure", "--to", file, "--force").status == 0
    assert file.read_text() == "visitor_id,received_at\n"
    (out / "notes.txt").write_text("mine")
    refused = dwell_export(data, "--to", out, "--force")
    assert (refused.status, refused.stdout) == (2, "")
    assert "which is there and no earlier export, or has more in it" in refused.stderr
    assert (out / "notes.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["out", "p.csv"]  # noqa: PTH208


def test_a_folder_does_not_take_a_files_place_nor_a_file_a_folders(
    data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    assert dwell_export(data, "--to", tmp_path / "file", "--force").status == 2
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "folder.csv").mkdir()
    assert dwell_export(data, "erasure", "--to", tmp_path / "folder.csv", "--force").status == 0
    assert sorted(os.listdir(tmp_path / "folder.csv")) == ["erasure.parquet", "export.json"]  # noqa: PTH208


def test_through_a_link_the_folder_that_it_names_is_replaced(data: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for arguments in (("erasure",), ("browser_agent", "--force")):
        assert dwell_export(data, "--to", tmp_path / "link", *arguments).status == 0
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path / "real")) == ["browser_agent.parquet", "export.json"]  # noqa: PTH208
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]  # noqa: PTH208


def test_an_empty_folder_is_filled_and_folders_on_the_way_are_made(
    data: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "some" / "where" / "new"):
        assert dwell_export(data, "erasure", "--to", target).status == 0
        assert sorted(os.listdir(target)) == ["erasure.parquet", "export.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pagview", "--to", "x"], "there is no table 'pagview': expected one of browser_agent, "),
        (["--to", "x.parquet"], "--to is 'x.parquet', one file, for "),
        (
            ["pageview", "--to", "x.csv", "--format", "parquet"],
            "--format is 'parquet' and --to is 'x.csv': expected a name with .parquet",
        ),
        (
            ["--to", "x", "--since", "2026-03-02", "--until", "2026-03-01"],
            "--until is 2026-03-01 00:00:00, and --since is 2026-03-02 00:00:00: expected a later",
        ),
        (
            ["pageview", "--to", "x.xls"],
            "--to is 'x.xls': expected a file that ends in .parquet, .csv, .csv.gz, .csv.zst, or a folder",
        ),
        (["--to", "x", "--since", "soon"], "'soon': expected so long ago"),
        (["--to", "x", "--format", "xlsx"], "--format is 'xlsx': expected one of parquet, csv, "),
        ([], "Missing option '--to'"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_leaves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = dwell_export(data, *arguments)
    assert (said.status, said.stdout) == (2, "")
    assert message in said.stderr
    assert said.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_target_is_never_a_file_of_dwells_own(data: Path) -> None:
    for target in ("live/x", "archive", "warehouse.duckdb", ".readers/x"):
        said = dwell_export(data, "--to", data / target, "--force")
        assert said.status == 2
        assert "a file of Dwell's own" in said.stderr
    assert "no earlier export" in dwell_export(data, "--to", data, "--force").stderr


def test_without_a_warehouse_one_line_says_what_to_do(tmp_path: Path) -> None:
    said = dwell_export(tmp_path / "nowhere", "--to", tmp_path / "out")
    assert said.status == 2
    assert said.stderr.startswith("dwell: there is no warehouse at ")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_target_that_cannot_be_written_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = dwell_export(data, "--to", tmp_path / "file" / "out")
    assert (said.status, said.stdout) == (2, "")
    assert said.stderr.startswith(
        f"dwell: --to is '{tmp_path}/file/out', which cannot be written: "
    )


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose visibility changes take a while to be written: half a million of noise."""
    folder = tmp_path_factory.mktemp("heavy")
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        with projected.warehouse.transaction() as connection:
            connection.execute("""
                insert into warehouse.visibility_change by name
                select
                    uuid() as pageview_id, 0 as seq, 'visible' as visibility,
                    now()::timestamp as occurred_at, random() as engagement_time,
                    occurred_at as first_received_at, occurred_at as last_received_at,
                    0 as partition, i as first_offset, 0 as last_partition, i as last_offset
                from range(500000) as rows (i)
            """)
        copy_of(projected.warehouse, folder)
    return folder


@contextmanager
def exporting_slowly(data: Path, target: Path) -> Iterator[Piped]:
    """`dwell export visibility_change`, from the moment on in which it writes."""
    asked = ("export", "visibility_change", "--format", "csv.zst", "--to", str(target))
    with piped(*asked, environ=environment(data, 1)) as export:
        ended = export.process.poll
        wait_until(lambda: ended() is not None or list(target.parent.glob(".*.draft/*")), 60)
        yield export


def test_ctrl_c_leaves_nothing(heavy: Path, tmp_path: Path) -> None:
    with exporting_slowly(heavy, tmp_path / "out") as export:
        wait_until_at_work(export.process.pid, 0.1)
        export.process.send_signal(signal.SIGINT)
        assert export.process.wait(10) == 130
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_goes_with_the_next_one(
    heavy: Path, data: Path, tmp_path: Path
) -> None:
    with exporting_slowly(heavy, tmp_path / "out") as export:
        export.process.kill()
    [draft] = tmp_path.iterdir()
    assert draft.name.startswith(".out.")
    assert dwell_export(data, "--to", tmp_path / "out").status == 0
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208


def test_an_export_at_work_is_left_alone_by_another_one(
    heavy: Path, data: Path, tmp_path: Path
) -> None:
    with exporting_slowly(heavy, tmp_path / "out") as export:
        export.process.send_signal(signal.SIGSTOP)
        assert dwell_export(data, "--to", tmp_path / "out").status == 0
        export.process.send_signal(signal.SIGCONT)
        assert export.process.wait(100) == 2
        assert b"which is there: expected another name, or --force" in export.stderr.read()
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208
    assert len(os.listdir(tmp_path / "out")) == len(tables(data)) + 1  # noqa: PTH208


def test_a_full_disk_leaves_nothing_and_ends_with_2(heavy: Path, tmp_path: Path) -> None:
    with exporting_slowly(heavy, tmp_path / "out") as export:
        little_room = (5_000_000, 5_000_000)
        resource.prlimit(export.process.pid, resource.RLIMIT_FSIZE, little_room)
        assert export.process.wait(100) == 2
        assert export.stderr.read().startswith(b"dwell: ")
    assert list(tmp_path.iterdir()) == []


def listed(folder: Path) -> tuple[int, list[str]]:
    """Which folder it is at one moment, and what is in it: not what is left of one whose place is taken
    while it is read."""
    while True:
        opened = folder.stat().st_ino
        names = os.listdir(folder)  # noqa: PTH208
        if folder.stat().st_ino == opened:
            return opened, sorted(names)


def test_an_export_that_takes_anothers_place_is_whole_at_each_moment(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    dwell_export(data, "--to", out)
    former, names = listed(out)
    seen = set()
    asked = ("export", "--to", str(out), "--force")
    with piped(*asked, environ=environment(data, 1)) as export:
        wait_until(lambda: list(tmp_path.glob(".*.draft")))
        while export.process.poll() is None:
            number, there = listed(out)
            assert there == names
            seen.add(number)
        assert export.process.wait() == 0
    assert former in seen
    assert listed(out)[0] != former
    assert os.listdir(tmp_path) == ["out"]  # noqa: PTH208
