"""A backup of a running installation, and what becomes of it again."""

import asyncio
import fcntl
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dwell.consumers.archiving import archive
from dwell.consumers.backing_up import back_up
from dwell.consumers.backup import Manifest
from dwell.consumers.forgetting import Forgetting
from dwell.consumers.restoring import Restoring, erasures_in
from dwell.errors import BackupInvalid, LogMismatch, WarehouseHeld
from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from dwell.warehouse import remains
from dwell.warehouse.archive import Archive
from dwell.warehouse.live import LiveWarehouse
from tests.support.copying import everything
from tests.support.disks import small_disk
from tests.support.facts import NOW, Stored, glimpse, uuid7
from tests.support.replaying import LATEST, Quiet, append, now, project, settings_of, tables
from tests.support.running import Process, environment


def visit(visitor: int) -> list[Stored]:
    return [glimpse(visitor, visitor=visitor, session=visitor, received_at=NOW + visitor)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation that has run, with facts that are not projected yet."""
    settings = settings_of(tmp_path_factory.mktemp("ran") / "data")
    for visitor in (1, 2, 3):
        append(settings, visit(visitor))
    project(settings)
    archive(settings, LATEST, processes=1, watcher=Quiet())
    append(settings, visit(4))
    return settings


@pytest.fixture
def backup(ran: Settings, tmp_path: Path) -> Path:
    back_up(ran, tmp_path / "backup", secrets=False)
    return tmp_path / "backup"


@pytest.fixture
def new(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "new")


def restored(new: Settings, backup: Path, *since: Path) -> list[str]:
    restoring = Restoring(new, backup)
    restoring.run(since)
    return restoring.forgotten


def test_a_restored_installation_goes_on_where_the_backup_was_made(
    ran: Settings, backup: Path, new: Settings
) -> None:
    assert restored(new, backup) == []
    assert everything(new) == everything(ran)
    assert tables(new.published) == tables(ran.published)
    append(new, visit(5))
    project(new)
    assert len(tables(new.published)["pageview"]) == 5
    assert archive(new, LATEST, processes=1, watcher=Quiet()).added == 2


def test_a_log_that_is_appended_to_is_whole_in_the_backup(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    asyncio.run(_append_and_back_up(settings, tmp_path / "backup"))
    restored(new := settings_of(tmp_path / "new"), tmp_path / "backup")
    found, later = everything(new)[0], everything(settings)[0]
    assert 100 <= len(found) < len(later)
    assert found == later[: len(found)]


async def _append_and_back_up(settings: Settings, target: Path) -> None:
    writer = open_writer(settings)
    records = [NewRecord(each.key, each.value, each.timestamp) for each in visit(1) * 100]
    await writer.append(records)
    settings.live.mkdir(exist_ok=True)
    backing_up = asyncio.create_task(asyncio.to_thread(back_up_in_thread, settings, target))
    while not backing_up.done():
        await writer.append(records)
    await backing_up
    await writer.append(records)
    await writer.close()


def back_up_in_thread(settings: Settings, target: Path) -> None:
    back_up(settings, target, secrets=False)


def test_what_is_published_is_in_it_though_the_live_file_is_lost(
    ran: Settings, new: Settings, tmp_path: Path
) -> None:
    shutil.copytree(ran.data, tmp_path / "data")
    own = settings_of(tmp_path / "data")
    own.warehouse.unlink()
    back_up(own, tmp_path / "of-the-rest", secrets=False)
    restored(new, tmp_path / "of-the-rest")
    assert tables(new.warehouse) == tables(ran.published)


def test_who_was_forgotten_since_does_not_come_back(backup: Path, new: Settings) -> None:
    restored(new, backup)
    Forgetting(new, {uuid7(1): NOW + 7}, wait=5, say=lambda line: None).run()
    again = settings_of(new.data.parent / "again")
    assert restored(again, backup, new.data) == [uuid7(1)]
    assert len(tables(again.published)["pageview"]) == 2
    assert remains.erased_in(again.published).erasures == {uuid7(1): NOW + 7}
    assert [bool(value) for *_, value in everything(again)[0]] == [False, True, True, True, True]
    held = Archive.open(again.archive_folder)
    assert held is not None
    assert sum(each.records for each in held.manifest.files) == 2
    for path in (again.warehouse, again.published, again.embedded_log):
        assert glimpse(1).value not in path.read_bytes()


def test_who_is_forgotten_may_stand_in_a_list(tmp_path: Path) -> None:
    listed = tmp_path / "forgotten.txt"
    listed.write_text(f"{uuid7(1).upper()}\n{uuid7(2)}\n")
    assert erasures_in([listed]).keys() == {uuid7(1), uuid7(2)}
    listed.write_text(f"{uuid7(1)} somebody\n")
    with pytest.raises(
        BackupInvalid, match="has 'somebody' as its word 2: expected a visitor's id"
    ):
        erasures_in([listed])


def test_nothing_is_overwritten(ran: Settings, backup: Path, new: Settings) -> None:
    with pytest.raises(BackupInvalid, match="is there already: expected a new folder"):
        back_up(ran, backup, secrets=False)
    new.data.mkdir()
    (new.data / "something").touch()
    with pytest.raises(BackupInvalid, match="has something in it: expected an empty folder"):
        restored(new, backup)


@pytest.mark.parametrize("leave", [0, 100 * 2**10])
def test_a_disk_that_is_full_is_named_and_nothing_is_left_on_it(
    ran: Settings, tmp_path: Path, leave: int
) -> None:
    with small_disk(tmp_path / "disk", 2**20) as disk:
        target = disk.inside / "backup"
        disk.fill(leave)
        backup = Process(
            *("backup", str(target)),
            environ=environment(ran.data, 1),
            output=tmp_path / "output",
            under=disk.under,
        )
        assert backup.wait(60) == 2
        printed = backup.printed()
        assert f"{target} could not be made" in printed
        assert "No space left on device" in printed
        assert "Traceback" not in printed
        assert {each.name for each in disk.outside.iterdir()} <= {"ballast"}


def test_a_log_that_finds_no_room_for_its_copy_is_not_blamed(ran: Settings, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2**20) as disk:
        disk.fill()
        target = disk.inside / "log.sqlite"
        script = (
            "import sys; from pathlib import Path; from dwell.events.log_file import copy\n"
            "copy(*map(Path, sys.argv[1:]))"
        )
        done = subprocess.run(
            [*disk.under, sys.executable, "-c", script, str(ran.embedded_log), str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stderr.splitlines()[-1]
    assert str(target) in said
    assert "expected space on its disk" in said
    assert str(ran.embedded_log) not in said


def test_a_damaged_log_is_not_called_whole(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    append(settings, [each for visitor in range(1, 60) for each in visit(visitor)])
    with closing(sqlite3.connect(settings.embedded_log)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    content = bytearray(settings.embedded_log.read_bytes())
    content[5 * 4096 : 6 * 4096] = bytes(range(256)) * 16
    settings.embedded_log.write_bytes(content)
    with pytest.raises(LogMismatch, match="is damaged: expected a whole file"):
        back_up(settings, tmp_path / "backup", secrets=False)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_shell_reads_the_settings_as_they_were(tmp_path: Path) -> None:
    origins = "https://a.example https://b.example"
    settings = settings_of(tmp_path / "d ü; x" / "data", allowed_origins=origins)
    append(settings, visit(1))
    back_up(settings, tmp_path / "backup", secrets=False)
    script = 'set -a; . "$0"; printf "%s|%s" "$DWELL_DATA" "$DWELL_ALLOWED_ORIGINS"'
    said = subprocess.run(
        ["/bin/sh", "-c", script, str(tmp_path / "backup" / "settings.env")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (said.stdout, said.stderr) == (f"{settings.data}|{origins}", "")


def test_what_a_killed_backup_left_goes_with_the_next_one(ran: Settings, tmp_path: Path) -> None:
    draft = tmp_path / ".backup.draft"
    (draft / "archive").mkdir(parents=True)
    (draft / "warehouse.duckdb").touch()
    with pytest.raises(BackupInvalid, match="is no draft of a backup"):
        back_up(ran, tmp_path / "backup", secrets=False)
    assert (draft / "warehouse.duckdb").exists()

    (draft / ".lock").touch()
    with (draft / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupInvalid, match="is being worked in by another backup"):
            back_up(ran, tmp_path / "backup", secrets=False)
    back_up(ran, tmp_path / "backup", secrets=False)
    assert [each.name for each in tmp_path.iterdir()] == ["backup"]
    assert not (tmp_path / "backup" / ".lock").exists()


@pytest.mark.parametrize("harm", ["changed", "shorter", "gone"])
def test_a_file_that_is_not_as_it_was_is_refused(backup: Path, new: Settings, harm: str) -> None:
    log = backup / "log.sqlite"
    content = bytearray(log.read_bytes())
    content[5000] ^= 1
    if harm == "gone":
        log.unlink()
    else:
        log.write_bytes(content if harm == "changed" else content[:-1])
    with pytest.raises(BackupInvalid, match=r"log\.sqlite (has .* bytes with|is not there)"):
        restored(new, backup)
    assert not (new.data / "live").exists()


def test_a_restore_that_was_broken_off_begins_anew(
    ran: Settings, backup: Path, new: Settings
) -> None:
    (new.data / ".restoring" / "live").mkdir(parents=True)
    (new.data / "archive").mkdir()
    (new.data / "archive" / "half").touch()
    restored(new, backup)
    assert sorted(each.name for each in new.data.iterdir()) == [
        "archive",
        "live",
        "warehouse.duckdb",
    ]
    assert not (new.data / "archive" / "half").exists()


def test_a_name_that_leads_out_of_the_backup_is_refused(backup: Path, new: Settings) -> None:
    raw = json.loads((backup / "manifest.json").read_text())
    raw["files"][0]["path"] = "../elsewhere.duckdb"
    (backup / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(BackupInvalid, match="expected a file of the backup"):
        restored(new, backup)


def test_secrets_come_along_only_if_they_are_wanted(ran: Settings, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hash")
    settings = Settings(**ran.model_dump() | {"dashboard_password_file": password})
    without = back_up(settings, tmp_path / "without", secrets=False)
    assert without.left_out == (f"DWELL_DASHBOARD_PASSWORD_FILE: {password}",)
    back_up(settings, tmp_path / "with", secrets=True)
    kept = tmp_path / "with" / "secrets" / "dashboard_password_file"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("hash", 0o600)
    assert "DWELL_DATA=" in (tmp_path / "with" / "settings.env").read_text()


def test_a_projector_may_be_at_work_but_nobody_may_be_forgotten_meanwhile(
    ran: Settings, tmp_path: Path
) -> None:
    forgetting = Forgetting(ran, now(uuid7(9)), wait=1, say=lambda line: None)
    with LiveWarehouse(ran.warehouse):
        back_up(ran, tmp_path / "backup", secrets=False)
        with forgetting._alone(), pytest.raises(WarehouseHeld, match="by `dwell forget`"):
            back_up(ran, tmp_path / "other", secrets=False)
    assert Manifest.read(tmp_path / "backup").shards == 0
    assert not list(tmp_path.glob(".other*"))


def test_what_is_left_of_a_data_folder_says_who_was_forgotten(
    backup: Path, new: Settings, tmp_path: Path
) -> None:
    restored(new, backup)
    Forgetting(new, now(uuid7(1)), wait=5, say=lambda line: None).run()
    shutil.rmtree(new.live)
    assert erasures_in([new.data]).keys() == {uuid7(1)}
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackupInvalid, match="neither a warehouse nor a log"):
        erasures_in([tmp_path / "empty"])


def test_a_backup_is_not_made_where_it_would_be_rewritten(ran: Settings) -> None:
    for inside in (ran.data / "backup", ran.archive_folder / "backup"):
        with pytest.raises(BackupInvalid, match=r"is inside .*: expected a folder elsewhere"):
            back_up(ran, inside, secrets=False)
        assert not inside.exists()


def test_an_archive_elsewhere_is_not_gone_on_with(backup: Path, tmp_path: Path) -> None:
    new = settings_of(tmp_path / "new", archive=tmp_path / "elsewhere")
    with pytest.raises(BackupInvalid, match=r"DWELL_ARCHIVE is '.*elsewhere'.*expected it unset"):
        Restoring(new, backup)


def test_a_draft_that_was_whole_but_for_its_name_goes(ran: Settings, tmp_path: Path) -> None:
    draft = tmp_path / ".backup.draft"
    draft.mkdir()
    (draft / "manifest.json").write_text("{}")
    back_up(ran, tmp_path / "backup", secrets=False)
    assert not draft.exists()
