"""`dwell log`, `dwell backup` and `dwell restore`, as they are called."""

import fcntl
from pathlib import Path

import pytest

from dwell.cli import run
from dwell.settings import Settings
from tests.consumers.test_copying import facts
from tests.support.copying import everything
from tests.support.replaying import append, settings_of


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DWELL_DATA", str(tmp_path / "data"))
    settings = settings_of(tmp_path / "data")
    append(settings, facts(3))
    return settings


def test_a_log_is_copied_compared_and_moved(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = f"embedded:{tmp_path / 'copy.sqlite'}"
    assert run(["log", "copy", "embedded:", to]) == 0
    assert f"{to} holds embedded: up to 0:3" in capsys.readouterr().out
    append(settings, facts(1, first=4))
    assert run(["log", "compare", "embedded:", to]) == 1
    assert "partition 0 ends at 4 in " in capsys.readouterr().out
    assert run(["log", "move", "embedded:", to]) == 0
    assert f"{to} is the log now: have DWELL_LOG name it" in capsys.readouterr().out
    assert run(["log", "compare", "embedded:", to]) == 0
    assert f"{to} is the whole copy of embedded:" in capsys.readouterr().out


def test_a_log_that_cannot_be_one_is_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "copy", "embedded:", "sqlite:elsewhere"]) == 2
    assert "TO is 'sqlite:elsewhere': expected embedded:" in capsys.readouterr().err
    assert run(["log", "move", "kafka://me:secret@host/topic", "embedded:"]) == 2
    said = capsys.readouterr().err
    assert "FROM is 'kafka://***@host/topic': expected" in said
    assert "secret" not in said


def test_a_log_that_is_not_there_is_not_copied(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "move", f"embedded:{tmp_path / 'none.sqlite'}", "embedded:"]) == 2
    assert "none.sqlite: expected the one that is to be copied" in capsys.readouterr().err
    assert len(everything(settings)[0]) == 3
    typo, to = tmp_path / "dta", f"embedded:{tmp_path / 'copy.sqlite'}"
    assert run(["log", "copy", "--data", str(typo), "embedded:", to]) == 2
    assert not typo.exists()
    typo.mkdir()
    assert run(["log", "copy", "--data", str(typo), "embedded:", to]) == 2
    assert list(typo.iterdir()) == []


def test_one_copy_is_made_at_a_time_and_nothing_goes_meanwhile(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, by in (("log-copy", "another `dwell log`"), ("forget", "`dwell forget`")):
        with (settings.live / f"{name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert run(["log", "copy", "embedded:", f"embedded:{tmp_path / 'copy.sqlite'}"]) == 2
        assert f"is being worked in by {by}" in capsys.readouterr().err


def test_a_backup_is_made_checked_and_restored(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup, new = str(tmp_path / "backup"), str(tmp_path / "new")
    assert run(["backup", backup]) == 0
    assert f"2 files, 0.0 MiB in {backup}" in capsys.readouterr().out
    assert run(["restore", "--check", backup]) == 0
    assert f"{backup} is whole: 2 files" in capsys.readouterr().out
    assert run(["restore", backup, "--data", new, "--none-forgotten"]) == 0
    assert f"{new} is as it was at " in capsys.readouterr().out
    assert everything(settings_of(tmp_path / "new")) == everything(settings)


def test_one_restore_into_a_folder_is_made_at_a_time(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup, new = str(tmp_path / "backup"), tmp_path / "new"
    assert run(["backup", backup]) == 0
    new.mkdir()
    restore = ["restore", backup, "--data", str(new), "--none-forgotten"]
    with (new / ".restoring.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(restore) == 2
    assert f"{new} is being restored by another process: wait" in capsys.readouterr().err
    assert run(restore) == 0
    assert not (new / ".restoring.lock").exists()
    assert everything(settings_of(new)) == everything(settings)


def test_who_restores_says_whether_anybody_was_forgotten(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = str(tmp_path / "backup")
    assert run(["backup", backup]) == 0
    assert run(["restore", backup, "--data", str(tmp_path / "new")]) == 2
    assert "was anybody forgotten since? Expected --erasures-of PATH" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_no_backup_is_refused(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["restore", str(tmp_path), "--data", str(tmp_path / "n"), "--none-forgotten"]) == 2
    assert "expected a folder that `dwell backup` made" in capsys.readouterr().err
