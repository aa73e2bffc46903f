"""Archiving: the log's records go to Parquet, so that they outlive the log's retention."""

import asyncio
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dwell.consumers.erasures import erasures_beside
from dwell.consumers.extent import Point, extent
from dwell.consumers.history import in_order, opened
from dwell.consumers.judge import judge
from dwell.consumers.spans import Span
from dwell.consumers.staging import drop_others, stage, unread
from dwell.consumers.watcher import Watcher
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from dwell.warehouse.archive_writer import ArchiveWriter
from dwell.warehouse.manifest import Held
from dwell.warehouse.reading import Forgotten
from dwell.warehouse.rebuilding import Segment

WORK = ".staged"
"""The folder within the archive for records that are on their way."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What came of it: how many records were added; then, what the archive holds in all."""

    added: int
    records: int
    files: int
    bytes: int


def archive(settings: Settings, until: Point, *, processes: int, watcher: Watcher) -> Archived:
    """Archive what the archive has not got, or go on where a former run ended.

    Facts of visitors that are forgotten by now are left out.

    Args:
        until: up to where; the log goes on behind it.

    Raises:
        LogGap: records between archive and log are in neither.
        LogMismatch: the archive is another log's, or of a later state of this one.
        LogError, WarehouseError: as the log or the disk has it.
    """
    folder = settings.archive_folder
    identity, spans = asyncio.run(_asked(settings, until))
    with ArchiveWriter.holding(folder, identity) as writer:
        writer.begin()
        held = writer.manifest.held
        missing = [
            left for span in spans for left in span.less(Span(*each) for each in held.values())
        ]
        # Asked while the folder is held: an erasure that is ordered later waits for it, and then takes out
        # what is added here.
        forgotten = asyncio.run(_forgotten(settings, spans))
        staged = _staged(settings, missing, folder / WORK, processes, watcher)
        watcher.begin("writing the archive", sum(each.records for each in staged))
        added = 0
        if missing:
            added = writer.add(
                in_order(staged, spans), _grown(held, missing), forgotten, judge, watcher.advance
            )
        shutil.rmtree(folder / WORK, ignore_errors=True)
        return _counted(added, writer)


async def _asked(settings: Settings, until: Point) -> tuple[str, list[Span]]:
    async with opened(settings, Archive.open(settings.archive_folder)) as history:
        spans = await extent(history, Point("earliest"), until, {})
        return await history.identity(), spans


async def _forgotten(settings: Settings, spans: Sequence[Span]) -> list[Forgotten]:
    async with opened(settings, Archive.open(settings.archive_folder)) as history:
        return await erasures_beside(settings, history, spans)


def _grown(held: Mapping[int, Held], spans: Iterable[Span]) -> list[Held]:
    """What is held of each partition of the spans, with them."""
    grown = dict(held)
    for partition, first, until in spans:
        before = grown.get(partition, Held(partition, first, until))
        grown[partition] = Held(partition, min(first, before.first), max(until, before.until))
    return list(grown.values())


def _staged(
    settings: Settings, spans: Sequence[Span], folder: Path, processes: int, watcher: Watcher
) -> list[Segment]:
    """The records of the spans as segments. Those of a run that was killed are used as far as they go;
    what the archive has taken in since is removed."""
    drop_others(spans, folder)
    wanted = sum(map(len, spans))
    watcher.begin("reading the log", wanted, before=wanted - unread(spans, folder))
    return stage(settings, spans, folder, "whole", processes=processes, done=watcher.advance)


def _counted(added: int, writer: ArchiveWriter) -> Archived:
    files = writer.manifest.files
    return Archived(
        added, sum(each.records for each in files), len(files), sum(each.bytes for each in files)
    )
