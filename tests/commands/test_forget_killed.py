"""Forgetting that is killed, in whatever it is at: each file is as before or as after, and the same
command finishes it."""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from time import sleep, time

import duckdb
import pytest

from dwell.cli import run
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from tests.commands.test_forget import FORGOTTEN, LETTER, VISITORS, Installation, append
from tests.support.facts import NOW, glimpse, uuid7
from tests.support.processes import PROC, descendants
from tests.support.replaying import replay
from tests.support.running import Process, environment, wait_until

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="looks for what is left running in /proc")

Rows = list[tuple[object, ...]]
Note = Callable[[str, object], None]

DAY = 86_400_000
COUNT = 3000
"""Facts: of one visitor more than are overwritten in one transaction, in an archive of four files."""
ALL: Rows = [(uuid7(100 + n), COUNT // VISITORS) for n in range(VISITORS)]
OTHERS = [each for each in ALL if each[0] != FORGOTTEN]
STAGES = {
    "ordering": 0.02,
    "blanking the log": 0.1,
    "rewriting the archive": 0.2,
    "erasing from the live warehouse": 0.9,
    "renewing what is kept": 0.9,
}
"""What is done, each told by a line when it is over, and for how many seconds it goes on before the kill,
at most."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with something in every place that a visitor is erased from."""
    made = Installation(Settings(data=tmp_path_factory.mktemp("original") / "data"))
    settings = made.settings
    records = [
        glimpse(
            1000 + n,
            visitor=100 + n % VISITORS,
            session=200 + n % VISITORS,
            received_at=NOW + n * 3 * DAY // COUNT,
        )
        for n in range(COUNT)
    ]
    append(settings, [*records, LETTER])
    made.project()
    assert run(["archive", "--data", str(settings.data)]) == 0
    for name in ("live/former/warehouse.duckdb", "copies/march.duckdb"):
        (settings.data / name).parent.mkdir()
        shutil.copyfile(settings.published, settings.data / name)
    return settings.data


class Killed:
    """A folder in which `dwell forget` is killed again and again.

    Attributes:
        hit: how often it was at what when it was killed.
    """

    def __init__(self, original: Path, folder: Path, seed: int) -> None:
        self._original = original
        self._folder = folder
        self._rng = Random(seed)
        self.hit: Counter[str] = Counter()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Have the folder as it was at first."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.installation = Installation(
            Settings(data=shutil.copytree(self._original, self._folder))
        )

    def kill_in(self, stage: str) -> None:
        """Begin, and kill it while it is at this, most likely; every file must be in order then."""
        number = list(STAGES).index(stage)
        process = self._started()
        began = time()
        wait_until(lambda: self._has_come_to(number, process, began), every=0.002)
        sleep(self._rng.uniform(0, STAGES[stage]))
        helpers = descendants(process.pid)
        process.kill()
        lines = process.printed().splitlines()
        self.hit[list(STAGES)[min(len(lines), len(STAGES) - 1)]] += 1
        wait_until(lambda: not any(each.alive for each in helpers))
        self._expect_order()
        if lines:
            # What is half done here or there is nobody's: from the order on the log says so by itself.
            assert self._replayed() == OTHERS

    def finish(self) -> None:
        """The same command ends well, and nothing is left."""
        process = self._started("--proof")
        assert process.wait(60) == 0, process.printed()
        assert "nothing is left" in process.printed()
        assert [self._visitors(path) for path in self._warehouses] == [OTHERS] * 4
        assert self._archived() == OTHERS

    def _started(self, *more: str) -> Process:
        output = self._folder.parent / "forget.out"
        output.unlink(missing_ok=True)
        environ = environment(self._folder, 1)
        return Process("forget", "--yes", FORGOTTEN, *more, environ=environ, output=output)

    def _has_come_to(self, number: int, process: Process, began: float) -> bool:
        """Whether the stages before are over; the first begins when there is a folder for the work."""
        work = self._folder / "live" / "forgetting"
        if number == 0:
            return not process.alive or (work.exists() and work.stat().st_ctime > began)
        return not process.alive or process.printed().count("\n") >= number

    def _expect_order(self) -> None:
        for path in self._warehouses:
            assert self._visitors(path) in (ALL, OTHERS), path
        assert self._archived() in (ALL, OTHERS)
        assert self._unreadable() == 0

    @property
    def _warehouses(self) -> list[Path]:
        settings = self.installation.settings
        kept = (
            settings.live / "former" / "warehouse.duckdb",
            settings.data / "copies/march.duckdb",
        )
        return [settings.warehouse, settings.published, *kept]

    def _visitors(self, path: Path) -> Rows:
        """What a file says with the write-ahead log beside it, which is not touched."""
        copy = self._folder.parent / "looked-at.duckdb"
        for end in ("", ".wal"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
            if (each := path.with_name(path.name + end)).exists():
                shutil.copyfile(each, copy.with_name(copy.name + end))
        with duckdb.connect(copy) as connection:
            return connection.execute(
                "select visitor_id::varchar, count(*) from pageview group by all order by all"
            ).fetchall()

    def _archived(self) -> Rows:
        """What the files say that the archive's manifest names."""
        archive = Archive.open(self.installation.settings.archive_folder)
        assert archive is not None
        files = [str(archive.folder / each.path) for each in archive.manifest.files]
        return duckdb.execute(
            "select visitor_id::varchar, count(*) from read_parquet(?) where visitor_id is not null"
            " group by all order by all",
            [files],
        ).fetchall()

    def _unreadable(self) -> int:
        """How many records of the log are neither whole nor overwritten."""
        log = self.installation.settings.embedded_log
        with closing(sqlite3.connect(log)) as connection:
            values = [value for (value,) in connection.execute("select value from record")]
        return sum(any(value) and not json.loads(value) for value in values)

    def _replayed(self) -> Rows:
        """What a replay of archive and log makes of them."""
        out = self._folder.parent / "replayed.duckdb"
        out.unlink(missing_ok=True)
        replay(self.installation.settings, out)
        return self._visitors(out)


def test_killed_once_it_is_finished_by_the_same_command(original: Path, tmp_path: Path) -> None:
    killed = Killed(original, tmp_path / "data", seed=1)
    killed.kill_in("rewriting the archive")
    killed.finish()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_twenty_times_in_each_of_its_stages(
    original: Path, tmp_path: Path, record_property: Note
) -> None:
    killed = Killed(original, tmp_path / "data", seed=2)
    for _ in range(20):
        killed.begin_anew()
        for stage in STAGES:
            killed.kill_in(stage)
        killed.finish()
    record_property("killed while", dict(killed.hit))
    assert all(killed.hit[stage] >= 5 for stage in STAGES), killed.hit
