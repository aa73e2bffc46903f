"""Visitors are forgotten wherever something of them is kept, and the proof finds what is left."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import duckdb
import pytest

from dwell.cli import run
from dwell.commands.forget.needles import CHUNK, Needles
from dwell.commands.forget.searching import files
from dwell.events.embedded import EmbeddedReader
from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from dwell.warehouse import promotion, snapshot
from dwell.warehouse.manifest import Manifest
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.support.running import environment, running, wait_until

VISITORS = 5
FORGOTTEN = uuid7(101)
LETTER = Stored(b'{"unknown": "' + FORGOTTEN.encode() + b'"}', NOW)

Said = Callable[..., tuple[int, str, str]]


def facts(count: int = 200, first: int = 0) -> list[Stored]:
    """So many pageviews, a session and a visitor for each of a few people."""
    return [
        glimpse(
            1000 + n, visitor=100 + n % VISITORS, session=200 + n % VISITORS, received_at=NOW + n
        )
        for n in range(first, first + count)
    ]


def append(settings: Settings, records: Sequence[Stored]) -> None:
    async def put() -> None:
        writer = open_writer(settings)
        await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
        await writer.close()

    asyncio.run(put())


@dataclass
class Installation:
    """A data folder with a log, a live and a published warehouse, and whatever else a test puts there."""

    settings: Settings

    def project(self) -> None:
        """Have everything that the log has in the warehouse, and publish it."""

        async def read() -> None:
            reader = EmbeddedReader(self.settings.embedded_log)
            with Projected(self.settings.warehouse) as projected:
                projected.warehouse.belong_to(await reader.identity())
                await reader.assign({0: projected.warehouse.positions().get(0, 0)})
                while batches := await reader.read(1000, 0):
                    projected.apply(batches[0])
                projected.warehouse.checkpoint()
                snapshot.copy(projected.warehouse.path, self.settings.published)
            await reader.close()

        asyncio.run(read())

    def rows(self, sql: str, path: Path | None = None) -> list[tuple[object, ...]]:
        """What the published warehouse says, or another file."""
        with duckdb.connect(path or self.settings.published, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def visitors(self, path: Path | None = None) -> list[tuple[object, ...]]:
        """How many pageviews each visitor has."""
        return self.rows(
            "select visitor_id::varchar, count(*) from pageview group by all order by all", path
        )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with which every test begins."""
    made = Installation(Settings(data=tmp_path_factory.mktemp("original") / "data"))
    append(made.settings, [*facts(), LETTER])
    made.project()
    return made.settings.data


@pytest.fixture
def installation(original: Path, tmp_path: Path) -> Installation:
    return Installation(Settings(data=shutil.copytree(original, tmp_path / "data")))


@pytest.fixture
def said(
    installation: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Said:
    """Runs `dwell forget` with the arguments: exit status, standard output and error."""
    monkeypatch.setenv("DWELL_DATA", str(installation.settings.data))

    def say(*arguments: str) -> tuple[int, str, str]:
        return run(["forget", *arguments]), *capsys.readouterr()

    return say


OTHERS = [(uuid7(100 + n), 40) for n in range(VISITORS) if n != 1]
ALL = [(uuid7(100 + n), 40) for n in range(VISITORS)]


def test_nothing_is_left_of_a_visitor_and_everything_of_the_others(
    installation: Installation, said: Said
) -> None:
    status, out, err = said("--yes", "--proof", FORGOTTEN.upper())
    assert (status, err) == (0, ""), out
    assert "blanked 41 records" in out
    assert "nothing is left" in out
    assert (
        installation.visitors() == installation.visitors(installation.settings.warehouse) == OTHERS
    )
    assert installation.rows("select count(*) from dead_letter") == [(0,)]
    assert installation.rows("select value from projection_info where name = 'scrub_due'") == []


def test_several_are_forgotten_at_once(installation: Installation, said: Said) -> None:
    status, out, _ = said("--yes", "--proof", FORGOTTEN, uuid7(102))
    assert status == 0, out
    assert installation.visitors() == [each for each in OTHERS if each[0] != uuid7(102)]


def test_again_changes_nothing_more(installation: Installation, said: Said) -> None:
    said("--yes", FORGOTTEN)
    before = installation.visitors()
    status, out, _ = said("--yes", "--proof", FORGOTTEN)
    assert status == 0, out
    assert "blanked 0 records" in out
    assert installation.visitors() == before


def test_what_would_go_is_told_and_nothing_is_changed(
    installation: Installation, said: Said
) -> None:
    before = contents(installation)
    status, out, _ = said("--dry-run", FORGOTTEN)
    assert status == 0
    assert "log.sqlite: 41 records" in out
    assert "40 by pageview.visitor_id" in out
    status, out, _ = said("--dry-run", "--proof", FORGOTTEN)
    assert status == 1
    assert "FOUND 40 rows by pageview.visitor_id" in out
    assert contents(installation) == before


def contents(installation: Installation) -> dict[Path, bytes]:
    """Every file, but for the one in which SQLite's readers mark how far they are."""
    found = files(installation.settings)
    return {path: path.read_bytes() for path in found if not path.name.endswith("-shm")}


def test_a_visitor_whom_nobody_knows_is_forgotten_all_the_same(
    installation: Installation, said: Said
) -> None:
    status, _, err = said("--yes", "--proof", uuid7(999))
    assert status == 0
    assert err == (
        f"dwell: nobody by the id {uuid7(999)} was in the published warehouse: expected one that"
        " tracking_session.visitor_id shows; what the log had of it is erased all the same\n"
    )
    assert said("--yes", FORGOTTEN)[2] == said("--yes", FORGOTTEN)[2] == ""
    assert installation.visitors() == OTHERS


def test_the_truth_of_a_simulation_is_named_as_what_it_is(
    installation: Installation, said: Said
) -> None:
    (installation.settings.data / "simulated-visitors.truth.jsonl").write_text(FORGOTTEN)
    status, out, _ = said("--yes", "--proof", FORGOTTEN)
    assert status == 1
    assert (
        "truth.jsonl (truth of `dwell simulate`, which is not erased from: remove the file): F"
        in out
    )


def test_a_visitor_who_comes_back_is_counted_anew(installation: Installation, said: Said) -> None:
    said("--yes", FORGOTTEN)
    later = int(1000 * time.time()) + 60_000
    append(installation.settings, [glimpse(1, visitor=101, session=1, received_at=later)])
    installation.project()
    assert installation.visitors() == sorted([*OTHERS, (FORGOTTEN, 1)])


@pytest.mark.parametrize("wrong", ["me", "0193a5c2-7b6a-7d20-9a41", FORGOTTEN + "0", "%"])
def test_what_is_no_id_is_refused(installation: Installation, said: Said, wrong: str) -> None:
    status, out, err = said("--yes", FORGOTTEN, wrong)
    assert (status, out) == (2, "")
    assert f"'{wrong}': expected a visitor's id, a UUID such as" in err
    assert installation.visitors() == ALL


def test_it_asks_and_where_nobody_can_answer_it_wants_to_be_told(
    installation: Installation, said: Said
) -> None:
    status, out, err = said(FORGOTTEN)
    assert (status, out) == (2, "")
    assert err.startswith("dwell: there is nobody to ask: expected --yes, or --dry-run")
    assert installation.visitors() == ALL


def test_where_there_is_no_log_none_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWELL_DURABLE_WITHIN", "0.3")
    data = tmp_path / "nowhere"
    assert run(["forget", "--yes", FORGOTTEN, "--data", str(data)]) == 2
    assert "there is no folder" in capsys.readouterr().err
    (data / "live").mkdir(parents=True)
    log = f"embedded:{tmp_path}/none.sqlite"
    assert run(["forget", "--yes", FORGOTTEN, "--data", str(data), "--log", log]) == 2
    assert "log" in capsys.readouterr().err
    assert not (tmp_path / "none.sqlite").exists()


def test_another_log_than_the_one_the_facts_are_in_is_refused(
    installation: Installation, said: Said, tmp_path: Path
) -> None:
    log = f"embedded:{tmp_path}/other.sqlite"
    append(Settings(log=log), [glimpse(1)])
    status, out, err = said("--yes", FORGOTTEN, "--log", log)
    assert (status, out) == (2, "")
    assert f"DWELL_LOG is '{log}', the log embedded:" in err
    assert err.endswith("warehouse.duckdb was made from; nothing was done\n")
    assert installation.visitors() == ALL


def test_one_at_a_time(installation: Installation, said: Said) -> None:
    with (installation.settings.live / "forget.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, _, err = said("--yes", FORGOTTEN)
    assert status == 2
    assert "another `dwell forget`" in err
    assert installation.visitors() == ALL


def test_the_archive_is_rewritten_and_a_replay_leaves_the_visitor_out(
    installation: Installation, said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["archive"]) == 0
    staged = installation.settings.archive_folder / ".staged"
    staged.mkdir()
    (staged / "left.parquet").write_bytes(FORGOTTEN.encode())
    append(installation.settings, facts(first=200, count=50))
    capsys.readouterr()
    status, out, _ = said("--yes", "--proof", FORGOTTEN)
    assert status == 0, out
    assert "took 41 records out of the archive" in out
    new = installation.settings.data / "new.duckdb"
    assert run(["replay", str(new)]) == 0
    others = [(visitor, count + 10) for visitor, count in OTHERS]
    assert installation.visitors(new) == others
    assert installation.rows("select count(*) from dead_letter", new) == [(0,)]


def test_copies_that_were_kept_are_rewritten_and_leftovers_removed(
    installation: Installation, said: Said
) -> None:
    settings = installation.settings
    former = settings.live / "former" / "warehouse.duckdb"
    former.parent.mkdir()
    former.write_bytes(settings.warehouse.read_bytes())
    copy = settings.data / "copies" / "march.duckdb"
    copy.parent.mkdir()
    copy.write_bytes(settings.published.read_bytes())
    draft = settings.data / ".warehouse.duckdb.999999999-0"
    draft.write_bytes(settings.published.read_bytes())
    replay = settings.data / "new.duckdb.replay"
    replay.mkdir()
    (replay / "segment").write_text(FORGOTTEN)
    status, out, _ = said("--yes", "--proof", FORGOTTEN)
    assert status == 0, out
    for path in (former, copy):
        assert installation.visitors(path) == OTHERS
    assert not draft.exists()
    assert not replay.exists()


def test_what_only_its_owner_can_erase_is_named(installation: Installation, said: Said) -> None:
    path = installation.settings.data / "own.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table notes as select ?::uuid as visitor", [FORGOTTEN])
    status, out, err = said("--yes", "--proof", FORGOTTEN)
    assert status == 2
    assert f"{path} is no warehouse that Dwell made" in err
    assert "so move or remove the file" in err
    assert "FOUND 1 rows by notes.visitor" in out


def test_a_kept_file_that_a_newer_version_made_is_named(
    installation: Installation, said: Said
) -> None:
    path = installation.settings.live / "newer.duckdb"
    path.write_bytes(installation.settings.published.read_bytes())
    with duckdb.connect(path) as connection:
        connection.execute("update projection_info set value = '999' where name = 'schema_version'")
    status, _, err = said("--yes", FORGOTTEN)
    assert status == 2
    assert f"{path} has schema version 999: expected at most " in err
    assert "so move or remove the file" in err


# What a search finds


@pytest.fixture(scope="module")
def rid_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation that has nothing of the visitor any more."""
    made = Installation(Settings(data=tmp_path_factory.mktemp("rid") / "data"))
    append(made.settings, [*facts(), LETTER])
    made.project()
    assert run(["forget", "--yes", FORGOTTEN, "--data", str(made.settings.data)]) == 0
    return made.settings.data


@pytest.fixture
def rid(rid_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(rid_once, tmp_path / "rid")
    return tmp_path / "rid"


def in_a_free_page(data: Path) -> Path:
    path = data / "live" / "log.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma secure_delete = off")
        connection.execute("create table t (x)")
        connection.executemany("insert into t values (?)", [(FORGOTTEN,)] * 200)
        connection.execute("drop table t")
        connection.execute("pragma wal_checkpoint(truncate)")
    return path


def in_sqlites_wal(data: Path) -> Path:
    path = data / "live" / "log.sqlite-wal"
    path.write_bytes(bytes(5000) + FORGOTTEN.encode() + bytes(5000))
    return path


def cut_by_a_page(data: Path) -> Path:
    path = data / "live" / "log.sqlite"
    with path.open("ab") as file:
        file.write(bytes(4096 - 10) + FORGOTTEN[:10].encode() + bytes(4) + FORGOTTEN[10:].encode())
        file.write(bytes(4096 - 30))
    return path


def in_duckdbs_wal(data: Path) -> Path:
    path = data / "live" / "warehouse.duckdb"
    script = (
        "import duckdb, os; c = duckdb.connect(); "
        f"c.execute(\"attach '{path}' as w\"); "
        f"c.execute(\"insert into w.dead_letter values (0, 1, 'r', 'd', '{FORGOTTEN}', now(), null, null)\"); "
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    return path.with_name("warehouse.duckdb.wal")


def in_a_former_copy(data: Path) -> Path:
    path = data / "live" / "former" / "warehouse.duckdb"
    path.parent.mkdir()
    with Projected(path) as projected:
        projected.append([glimpse(5, visitor=101)]).project()
    return path


def in_a_deleted_row(data: Path) -> Path:
    path = data / "live" / "warehouse-1-of-3.duckdb"
    with Projected(path) as projected:
        projected.append([glimpse(5, visitor=101)]).project()
        projected.warehouse.checkpoint()
        projected.append([forgotten(101, NOW + 10)]).project()
    return path


def in_a_dead_letter(data: Path) -> Path:
    path = data / "warehouse-copy.duckdb"
    with Projected(path) as projected:
        projected.append([Stored(b"\xff" + FORGOTTEN.encode(), NOW)] * 3).project()
    return path


def in_an_archive(data: Path) -> Path:
    path = data / "archive" / "day=2025-11-24" / "0-0-5.parquet"
    path.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select range as n, ?::uuid as visitor_id from range(5000))"
            f" to '{path}' (format parquet, compression zstd)",
            [FORGOTTEN],
        )
    return path


def as_16_bytes(data: Path) -> Path:
    path = data / "live" / "odd"
    path.write_bytes(b"\x00" * 7 + UUID(FORGOTTEN).bytes)
    return path


def in_capitals_across_chunks(data: Path) -> Path:
    path = data / "notes.txt"
    path.write_bytes(b"x" * (CHUNK - 7) + FORGOTTEN.upper().encode() + b"x" * 100)
    return path


TOGETHER = (
    in_a_free_page,
    in_duckdbs_wal,
    in_a_former_copy,
    in_a_deleted_row,
    in_a_dead_letter,
    in_an_archive,
    as_16_bytes,
    in_capitals_across_chunks,
)
"""Each in a file of its own, so that one search finds them all."""


@pytest.mark.parametrize(
    "plants",
    [
        pytest.param(TOGETHER, id="in_eight_files"),
        pytest.param((in_sqlites_wal,), id="in_sqlites_wal"),
        pytest.param((cut_by_a_page,), id="cut_by_a_page"),
    ],
)
def test_the_search_finds_what_was_left(
    rid: Path, capsys: pytest.CaptureFixture[str], plants: Sequence[Callable[[Path], Path]]
) -> None:
    paths = [plant(rid) for plant in plants]
    status = run(["forget", "--dry-run", "--proof", FORGOTTEN, "--data", str(rid)])
    out = capsys.readouterr().out
    assert status == 1, out
    for path in paths:
        [line] = [each for each in out.splitlines() if each.startswith(f"{path} (")]
        assert "FOUND" in line, out


def test_a_draft_of_a_process_at_work_is_waited_for(
    rid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = rid / f".warehouse.duckdb.{os.getpid()}-0"
    draft.write_text(FORGOTTEN)
    gone = threading.Timer(0.5, draft.unlink)
    gone.start()
    status = run(["forget", "--dry-run", "--proof", FORGOTTEN, "--data", str(rid)])
    gone.join()
    out = capsys.readouterr().out
    assert status == 0, out
    assert draft.name not in out


def test_sessions_and_pageviews_are_searched_for_too(
    installation: Installation, said: Said
) -> None:
    notes = installation.settings.data / "notes.txt"
    notes.write_text(f"the session {uuid7(201)}, the pageview {uuid7(1001)}")
    status, out, _ = said("--yes", "--proof", FORGOTTEN)
    assert status == 1
    assert "notes.txt (file): FOUND 2 times as text" in out
    assert "something is left in 1" in out


def test_the_session_of_another_visitor_that_bears_the_id_is_found(
    installation: Installation, said: Said
) -> None:
    append(installation.settings, [glimpse(5, visitor=102, session=101)])
    status, out, _ = said("--yes", "--proof", FORGOTTEN)
    assert status == 1
    assert "log.sqlite (SQLite): FOUND 1 times as text" in out


def test_a_file_that_cannot_be_read_is_no_proof(
    rid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rid / "broken.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(100))
    assert run(["forget", "--dry-run", "--proof", FORGOTTEN, "--data", str(rid)]) == 2
    assert "broken.duckdb (DuckDB): could not be searched" in capsys.readouterr().out


def test_needles_are_told_apart_whatever_they_share(tmp_path: Path) -> None:
    rng = Random(1)
    ids = [uuid7(n, NOW + n) for n in range(20)] + [
        str(UUID(int=rng.getrandbits(128))) for _ in range(5)
    ]
    path = tmp_path / "file"
    stored = [(UUID(each).int ^ 1 << 127).to_bytes(16, "little") for each in ids]
    alike = [uuid7(n, NOW) for n in range(50, 99)]
    path.write_bytes(
        b" ".join(
            [*(each.encode() for each in ids + alike), *(UUID(each).bytes for each in ids), *stored]
        )
    )
    hits = list(Needles(ids).in_file(path))
    assert [hit.form for hit in hits] == ["text"] * 25 + ["16 bytes"] * 25 + ["DuckDB's UUID"] * 25


# While others are at work


@pytest.fixture
def projecting(installation: Installation, tmp_path: Path) -> Iterator[Installation]:
    """The installation with a projector at work."""
    environ = environment(installation.settings.data, 1, publish_seconds=0.2)
    with running("project", environ=environ, output=tmp_path / "project.out") as projector:
        wait_until(lambda: "projecting" in projector.printed())
        yield installation
        assert projector.alive, projector.printed()


def test_the_projector_at_work_does_its_part(projecting: Installation, said: Said) -> None:
    append(projecting.settings, facts(first=200, count=50))
    status, out, err = said("--yes", "--proof", "--wait", "90", FORGOTTEN)
    assert (status, err) == (0, ""), out
    assert "by the projector" in out
    append(projecting.settings, facts(first=250, count=50))
    expected = [(visitor, 60) for visitor, _ in ALL]
    wait_until(lambda: projecting.visitors() == [each for each in expected if each[0] != FORGOTTEN])


# When it is killed


def test_a_run_that_ended_before_it_had_published_is_finished(
    installation: Installation, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("dwell.warehouse.scrubbing.snapshot.put", interrupted)
        said("--yes", FORGOTTEN)
    assert promotion.scrubbed(installation.settings.warehouse).exists()
    assert installation.visitors() == ALL
    status, out, err = said("--yes", "--proof", FORGOTTEN)
    assert (status, err) == (0, ""), out
    assert installation.visitors() == OTHERS


def test_what_a_first_archive_left_that_was_killed_is_removed(
    installation: Installation,
    said: Said,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("dwell.warehouse.archive_writer.ArchiveWriter._put", interrupted)
        run(["archive"])
    capsys.readouterr()
    folder = installation.settings.archive_folder
    begun = Manifest.read(folder)
    assert begun is not None
    assert begun.files == ()
    assert list(folder.rglob("*.parquet")) != []
    status, out, err = said("--yes", "--proof", FORGOTTEN)
    assert (status, err) == (0, ""), out
    assert list(folder.rglob("*.parquet")) == []


def interrupted(*arguments: object) -> None:
    raise KeyboardInterrupt
