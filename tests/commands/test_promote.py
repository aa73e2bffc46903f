"""`dwell promote` beside a projector at work, and killed at any moment."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest

from dwell.events.log import LogWriter, NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from dwell.warehouse import promotion
from dwell.warehouse.contents import read
from dwell.warehouse.published import Published
from tests.support.facts import NOW, Projected, glimpse
from tests.support.promoting import end_of, rebuilt
from tests.support.running import Process, done, environment, free_port, running, wait_until

LONGEST = 120.0
"""Seconds that anything may take."""


def said(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    ended = done(*arguments, environ=environ, within=LONGEST)
    return ended.status, ended.stdout, ended.stderr


@asynccontextmanager
async def visitors(settings: Settings, rng: Random) -> AsyncIterator[None]:
    """Facts come in steadily, for the time of a `with`: new ones, later ones, some of them twice."""
    writer = open_writer(settings)
    appending = asyncio.create_task(_append(writer, rng))
    try:
        yield
    finally:
        appending.cancel()
        await asyncio.gather(appending, return_exceptions=True)
        await writer.close()


async def _append(writer: LogWriter, rng: Random) -> None:
    number = 0
    while True:
        number += 1
        facts = [
            glimpse(
                max(1, number - rng.randint(0, 20)),
                seq,
                session=number // 3,
                engagement_ms=seq * 1000,
                received_at=NOW + number * 1000,
            )
            for seq in range(3)
        ]
        await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in facts])
        await asyncio.sleep(0.05)


@dataclass
class Reader:
    """Somebody who looks at the published warehouse again and again.

    Attributes:
        seen: how many facts the tables came from, and how many pageviews there were, at each look.
    """

    published: Path
    seen: list[tuple[int, int]] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)

    def look(self, done: Event) -> None:
        published = Published(self.published)
        while not done.wait(0.05):
            try:
                self.seen += published.query(
                    "select (select sum(next_offset)::bigint from log_offset),"
                    " (select count(*) from pageview)"
                )
            except Exception as error:
                self.trouble.append(error)
        published.close()


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """A reader, for the time of a `with`, whose time never went back and who met no error."""
    reader, done = Reader(settings.published), Event()
    thread = Thread(target=reader.look, args=(done,))
    thread.start()
    try:
        yield reader
    finally:
        done.set()
        thread.join()
    assert reader.trouble == []
    assert reader.seen == sorted(reader.seen)
    assert all(a[1] <= b[1] for a, b in zip(reader.seen, reader.seen[1:], strict=False))


def shows_everything(settings: Settings) -> bool:
    """Whether the published warehouse has read all of the log."""
    return read(settings.published)[0].positions == {0: end_of(settings)}


async def same_as_from_scratch(settings: Settings, folder: Path) -> None:
    """The live tables are those of the whole log, projected anew."""
    await rebuilt(settings, folder / "scratch.duckdb")
    with Projected(settings.warehouse) as live, Projected(folder / "scratch.duckdb") as scratch:
        assert live.tables() == scratch.tables()


@pytest.mark.long
async def test_promoted_back_and_forth_while_facts_come_in(tmp_path: Path) -> None:
    settings = Settings.read({"data": tmp_path / "data"}, environ={})
    environ = environment(settings.data, free_port(), publish_seconds=0.2)
    with running("project", environ=environ, output=tmp_path / "project.log") as projector:
        async with visitors(settings, Random(1)):
            await asyncio.to_thread(wait_until, settings.published.exists, LONGEST)
            await asyncio.to_thread(wait_until, lambda: end_of(settings) > 60, LONGEST)
            new = await rebuilt(settings, tmp_path / "new.duckdb", until=40)
            with reading(settings) as reader:
                await promote_and_back(environ, new, projector)
            assert len(reader.seen) > 3
        await asyncio.to_thread(wait_until, lambda: shows_everything(settings), LONGEST)
        assert await asyncio.to_thread(projector.stop, within=60) == 0
    assert read(settings.published)[0].promoted_at
    await same_as_from_scratch(settings, tmp_path)


async def promote_and_back(environ: dict[str, str], new: Path, projector: Process) -> None:
    """Foretold, then done, then undone, then done again, by the projector at work."""
    status, out, err = await asyncio.to_thread(said, environ, "promote", str(new), "--dry-run")
    assert (status, err) == (0, "")
    assert "nothing was moved" in out
    for arguments in ([str(new)], ["--back"], ["--back"]):
        status, out, err = await asyncio.to_thread(
            said, environ, "promote", *arguments, "--wait", "90"
        )
        assert (status, err) == (0, ""), projector.printed()
        assert "is live now (the projector has taken it)" in out
        await asyncio.sleep(0.5)


@dataclass
class Killed:
    """A projector and promotions under way, each of which ends by SIGKILL at a random moment."""

    settings: Settings
    environ: dict[str, str]
    folder: Path
    rng: Random

    def projector(self) -> Process:
        return Process("project", environ=self.environ, output=self.folder / "project.log")

    def kill_promote(self, number: int) -> None:
        """Begin to promote what is published now, and kill that."""
        copy = self.folder / f"{number}.duckdb"
        shutil.copy(self.settings.published, copy)
        promote = Process(
            "promote", str(copy), environ=self.environ, output=self.folder / "promote.log"
        )
        Event().wait(self.rng.uniform(0.3, 3.0))
        promote.kill()

    def kill_projector(self, projector: Process, number: int) -> Process:
        """Have something wait, and kill the projector while it may be about to take it."""
        copy = self.folder / f"{number}.offered.duckdb"
        shutil.copy(self.settings.published, copy)
        if not promotion.waits(self.settings.warehouse):
            promotion.offer(copy, self.settings.warehouse, keep_former=True)
        Event().wait(self.rng.uniform(0.0, 0.6))
        projector.kill()
        return self.projector()


async def kill_under_load(folder: Path, kills: int, seed: int) -> None:
    """Kill both so many times; then the tables are those of the whole log, and readers saw no less."""
    rng = Random(seed)
    settings = Settings.read({"data": folder / "data"}, environ={})
    environ = environment(settings.data, free_port(), publish_seconds=0.2)
    killed = Killed(settings, environ, folder, rng)
    projector = killed.projector()
    try:
        async with visitors(settings, rng):
            await asyncio.to_thread(wait_until, settings.published.exists, LONGEST)
            await asyncio.to_thread(
                wait_until, lambda: read(settings.published)[0].positions.get(0, 0) > 9, LONGEST
            )
            with reading(settings):
                for number in range(kills):
                    await asyncio.to_thread(killed.kill_promote, number)
                    projector = await asyncio.to_thread(killed.kill_projector, projector, number)
        await asyncio.to_thread(wait_until, lambda: shows_everything(settings), LONGEST)
        assert await asyncio.to_thread(projector.stop, within=60) == 0, projector.printed()
    finally:
        projector.kill()
    live = settings.warehouse
    assert not promotion.waits(live)
    assert not promotion.refused(live).exists()
    assert {each.name for each in promotion.former(live).parent.iterdir()} == {live.name}
    assert promotion.former(live).stat().st_nlink == 1
    await same_as_from_scratch(settings, folder)
    assert read(promotion.former(live))[0].identity == read(live)[0].identity


@pytest.mark.long
async def test_nothing_is_lost_or_doubled_when_promotions_are_killed(tmp_path: Path) -> None:
    await kill_under_load(tmp_path, kills=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_nothing_is_lost_or_doubled_in_twenty_kills_of_each(tmp_path: Path) -> None:
    await kill_under_load(tmp_path, kills=20, seed=2)


def test_it_wants_a_file_or_the_way_back(tmp_path: Path) -> None:
    environ = environment(tmp_path, free_port())
    for arguments in ([], ["new.duckdb", "--back"]):
        status, _, err = said(environ, "promote", *arguments)
        assert (status, err.startswith("dwell: which one? Expected FILE.duckdb, or --back")) == (2, True)  # fmt: skip
    status, _, err = said(environ, "promote", "--back")
    assert status == 2
    assert (
        "former/warehouse.duckdb is not there: expected the warehouse that was live before" in err
    )
