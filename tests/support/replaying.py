"""Logs that are replayed, and what the tables come to."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dwell.consumers import projector
from dwell.consumers.extent import Point
from dwell.consumers.replaying import Replay, Replayed
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import LAWFUL, Stored

EARLIEST, LATEST, CURRENT = Point("earliest"), Point("latest"), Point("current")


class Quiet:
    """Nobody watches; what was begun is kept."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.done = 0

    def begin(self, step: str, total: int, before: int = 0) -> None:
        self.steps.append((step, total, before))

    def advance(self, records: int) -> None:
        self.done += records


def settings_of(data: Path, log: str = "embedded:", **more: Any) -> Settings:
    return Settings.read({"data": data, "log": log} | more, environ={})


def append(settings: Settings, records: Iterable[Stored]) -> None:
    """Append to the log, by the collector's own writer."""
    asyncio.run(_append(settings, list(records)))


async def _append(settings: Settings, records: list[Stored]) -> None:
    writer = open_writer(settings)
    await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
    await writer.close()


def project(settings: Settings) -> None:
    """Have the projector read what is there, and publish."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projector, "IDLE_WAIT", 0.1)  # it is told to stop when it has nothing to read
        asyncio.run(_project(settings))


async def _project(settings: Settings) -> None:
    with LiveWarehouse(settings.warehouse) as warehouse:
        reader = open_reader(settings)
        ends = {each: await reader.end(each) for each in await reader.partitions()}
        at_work = projector.Projector(settings, reader, warehouse)
        running = asyncio.create_task(at_work.run())
        while at_work.positions != ends and not running.done():
            await asyncio.sleep(0.01)
        at_work.stop()
        await running
        await reader.close()


def replay(
    settings: Settings,
    out: Path,
    *,
    since: Point = EARLIEST,
    until: Point = LATEST,
    archive: bool = True,
    watcher: Quiet | None = None,
) -> Replayed:
    """One replay, which reads the log in one process."""
    made = Replay(settings, out, since=since, until=until, archive=archive, processes=1)
    return made.run(watcher or Quiet())


def now(*visitors: str) -> dict[str, int]:
    """Visitors who are to be forgotten, with what was received until now."""
    return dict.fromkeys(visitors, int(1000 * time.time()))


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every lawful table of a file, and how far it has read."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = (*LAWFUL, "log_offset")
        return {
            name: connection.execute(f"select * from {name} order by all").fetchall()
            for name in names
        }
