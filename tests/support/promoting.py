"""Warehouses that may take the live one's place, made without a replay."""

import asyncio
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.shard import Shard
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import Projected, Stored


def made(path: Path, records: Iterable[Stored], identity: str = "log") -> Path:
    """A warehouse that has read these records of the log of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_made(tuple(records), identity))
    return path


@cache
def _made(records: tuple[Stored, ...], identity: str) -> bytes:
    """The file: many tests begin with the same one."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        with Projected(path) as projected:
            projected.warehouse.belong_to(identity)
            projected.append(records).project()
        return path.read_bytes()


def empty(path: Path, shard: str, identity: str = "log") -> Path:
    """A shard's warehouse that has read nothing."""
    with LiveWarehouse(path, Shard.parse(shard)) as warehouse:
        warehouse.belong_to(identity)
    return path


async def rebuilt(settings: Settings, path: Path, until: int | None = None) -> Path:
    """A warehouse that has read what the log has in partition 0, up to an offset."""
    reader = open_reader(settings)
    try:
        identity, position = await reader.identity(), await reader.start(0)
        end = await reader.end(0) if until is None else until
        await reader.assign({0: position})
        with Projected(path) as projected:
            projected.warehouse.belong_to(identity)
            while position < end:
                for batch in await reader.read(min(500, end - position), 1):
                    projected.apply(batch)
                    position = batch.next_offset
    finally:
        await reader.close()
    return path


def end_of(settings: Settings) -> int:
    """The next offset of partition 0 of the log."""

    async def ask() -> int:
        reader = open_reader(settings)
        try:
            return await reader.end(0)
        finally:
            await reader.close()

    return asyncio.run(ask())
