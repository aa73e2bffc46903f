"""`dwell replay` and `dwell archive` as they are typed, and killed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest

from dwell.cli import run
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from tests.consumers.test_replaying import visits
from tests.support.processes import descendants
from tests.support.replaying import append, project, replay, settings_of, tables
from tests.support.running import Process, environment, free_port, wait_until

FACTS = 6_000
"""Some second's work for each step, most of which is starting."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data")


def typed(settings: Settings, *arguments: str) -> int:
    return run([*arguments, "--data", str(settings.data)])


def test_a_replay_says_what_came_of_it(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    append(settings, visits(3))
    out = tmp_path / "new.duckdb"
    assert typed(settings, "replay", str(out)) == 0
    said = capfd.readouterr().out
    assert said.startswith("9 records (0 from the archive, 9 from the log) in ")
    assert f": {out}, " in said


def test_a_dry_run_says_what_would_be_read_and_makes_nothing(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    append(settings, visits(3))
    assert typed(settings, "archive", "--to-datetime", "2025-11-24T17:00+00:00") == 0
    append(settings, visits(1, first=4))
    capfd.readouterr()
    out = tmp_path / "new.duckdb"
    assert typed(settings, "replay", "--dry-run", "--from-offset", "0:2", str(out)) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[1].split() == ["0", "2", "12", "1"]
    assert said[-1] == "10 offsets; nothing was made"
    assert list(tmp_path.iterdir()) == [settings.data]

    out.touch()
    assert typed(settings, "replay", "--dry-run", str(out)) == 2
    assert "is there already: expected a new file" in capfd.readouterr().err


def test_an_archive_says_what_it_holds(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    append(settings, visits(3))
    assert typed(settings, "archive") == 0
    said = capfd.readouterr().out
    assert said.startswith("9 records archived in ")
    assert f"{settings.archive_folder} holds 9 in 1 files, " in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to-current", "--to-latest"], "expected one of the options --to-… at most"),
        (["--from-datetime", "noon"], "'noon': expected a time such as 2026-03-01"),
        (["--to-offset", "0:1,1"], "'0:1,1': expected an offset, or one for each"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    settings: Settings,
    tmp_path: Path,
    options: list[str],
    words: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    append(settings, visits(1))
    assert typed(settings, "replay", *options, str(tmp_path / "new.duckdb")) == 2
    assert words in capfd.readouterr().err


@dataclass
class Killing:
    """A command that is killed at random moments, again and again from its beginning."""

    settings: Settings
    arguments: tuple[str, ...]
    rng: Random

    def run(self, *, after: float | None = None) -> bool:
        """Run it, and kill it after so many seconds; returns whether it was done before."""
        environ = environment(self.settings.data, free_port())
        process = Process(*self.arguments, environ=environ, output=self.settings.data / "out")
        try:
            deadline = monotonic() + (60 if after is None else after)
            while process.alive and monotonic() < deadline:
                sleep(0.005)
            if not process.alive:
                assert process.wait() == 0, process.printed()
                return True
            workers = descendants(process.pid)
            process.kill()
            wait_until(lambda: not any(each.alive for each in workers), 10)
            return False
        finally:
            if process.alive:
                process.kill()

    def until_done(self, kills: int, check: Callable[[], None]) -> None:
        """Kill it so many times, spread over the time that it takes, and let it end."""
        began = monotonic()
        assert self.run()
        whole = monotonic() - began
        check()
        for _ in range(kills):
            self.run(after=self.rng.uniform(0.2 * whole, 1.1 * whole))
            check()


def kill_replays(settings: Settings, out: Path, kills: int, seed: int) -> None:
    """Whatever is killed when, there is the whole file or none, and the next run ends well."""
    append(settings, visits(FACTS // 3))
    replay(settings, out.with_name("expected.duckdb"))
    expected = tables(out.with_name("expected.duckdb"))

    def check() -> None:
        if out.exists():
            assert tables(out) == expected
            out.unlink()

    killing = Killing(settings, ("replay", "--processes", "2", str(out)), Random(seed))
    killing.until_done(kills, check)
    if not out.exists():
        assert killing.run()
    assert tables(out) == expected
    assert not out.with_name(f"{out.name}.replay").exists()


def kill_archives(settings: Settings, kills: int, seed: int) -> None:
    """Whatever is killed when, the archive is as before or as after, and holds each record once."""
    records = visits(FACTS // 3)
    step = len(records) // (kills + 1)
    killing = Killing(settings, ("archive", "--processes", "2"), Random(seed))
    append(settings, records[:step])
    began = monotonic()
    assert killing.run()
    whole, held = monotonic() - began, step
    for number in range(1, kills + 1):
        append(settings, records[number * step : (number + 1) * step])
        killing.run(after=killing.rng.uniform(0.3 * whole, 1.1 * whole))
        found = Archive.open(settings.archive_folder)
        now = sum(each.records for each in found.manifest.files) if found else 0
        assert now in {held, (number + 1) * step}
        held = now
    assert killing.run()
    project(settings)
    out = settings.data / "replayed.duckdb"
    done = replay(settings, out)
    assert (done.archived, done.logged) == (step * (kills + 1), 0)
    assert tables(out) == tables(settings.published)


def test_a_killed_replay_leaves_a_whole_file_or_none(settings: Settings, tmp_path: Path) -> None:
    kill_replays(settings, tmp_path / "new.duckdb", kills=1, seed=1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_killed_replays(settings: Settings, tmp_path: Path) -> None:
    kill_replays(settings, tmp_path / "new.duckdb", kills=20, seed=2)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_killed_archives(settings: Settings) -> None:
    kill_archives(settings, kills=20, seed=2)
