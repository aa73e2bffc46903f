"""Promoting: a warehouse is looked at, from the log's side too, and put in the place of the live one."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dwell.consumers.beginning import beginning
from dwell.consumers.history import opened
from dwell.consumers.origin import misfit
from dwell.consumers.publisher import Publisher
from dwell.consumers.shards import Shards
from dwell.errors import LogGap, LogMismatch, WarehouseError, WarehouseHeld
from dwell.events.log import LogReader, refuse_misfit
from dwell.settings import Settings
from dwell.warehouse import layout, promotion
from dwell.warehouse.archive import Archive
from dwell.warehouse.contents import Census, Contents, Offsets, offsets_between, read, refuse_unfit
from dwell.warehouse.live import LiveWarehouse

LOOK_SECONDS = 0.2
"""Between two looks whether the projector has taken the file."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found out before anything moves.

    Attributes:
        rows: by table, how many rows the file has.
        rows_before: the same of the warehouse that is published now; nothing if there is none.
        to_read: by partition, how many offsets of the log lie before the file's end of reading and the
            log's.
        until_published: how many offsets it must read before it is published: what readers have seen.
    """

    path: Path
    rows: dict[str, int]
    rows_before: dict[str, int]
    to_read: Offsets
    until_published: int


async def examine(settings: Settings, path: Path, *, partial: bool) -> Examined:
    """Make sure that a file can take the place of the live warehouse. Nothing is changed.

    Args:
        partial: whether it may lack facts older than those that it has.

    Raises:
        WarehouseError: it cannot; the message says why.
        LogMismatch: it was made from another log, or the log lacks what it has to read next.
        LogUnavailable: the log does not answer.
    """
    _refuse_own(settings, path)
    contents, census = read(path)
    present, seen = _published(settings)
    refuse_unfit(path, contents, present, settings.share)
    starts, ends = await _bounds(settings, path, contents)
    if not partial:
        oldest = _oldest(settings, contents.identity, starts)
        _refuse_partial(path, contents, census, oldest, seen)
    return Examined(
        path,
        census.rows,
        seen.rows,
        {each: offsets_between(contents.positions, {each: end}) for each, end in ends.items()},
        offsets_between(contents.positions, present.positions) if present else 0,
    )


@dataclass(frozen=True, slots=True)
class Promoted:
    """What came of it.

    Attributes:
        by_projector: whether one at work took the file.
        published: whether people see it by now; else they will when a projector has read on. `None` is
            not known: the projector does it.
    """

    by_projector: bool
    published: bool | None


class Taken(NamedTuple):
    """What came of it where no projector is at work.

    Attributes:
        published: whether it knows as much as people have seen.
        failed: whether it could not be published.
    """

    published: bool
    failed: bool


def put(settings: Settings, path: Path, wait: float) -> Promoted:
    """Have the file take the live one's place, which is kept, and publish it: here, or by the projector
    at work.

    Args:
        wait: seconds for the projector to take it.

    Raises:
        WarehouseHeld: projectors of another layout are at work; nothing was moved.
        WarehouseError: it could not be moved, or was refused, or could not be published; or the projector
            has not taken it in time and will do so later.
    """
    live = settings.warehouse
    with layout.holding(settings.live, settings.share):
        pass  # projectors of another layout would not take it
    number = promotion.offer(path, live, keep_former=True)
    deadline = time.monotonic() + wait
    taken = None
    while promotion.waiting(live).exists():
        try:
            taken = _take(settings)
        except WarehouseHeld as held:
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"{promotion.waiting(live)} was not taken within {wait:g} s ({held}); it goes on "
                    "waiting, and takes the place when the projector looks for it or is started"
                ) from None
            time.sleep(LOOK_SECONDS)
    refused = promotion.refused(live)
    if refused.exists() and refused.stat().st_ino == number:
        raise WarehouseError(
            f"{path} was refused and stands as {refused} now; whoever opened it says why"
        )
    if taken and taken.failed:
        raise WarehouseError(
            f"{path} is live now, and {settings.publication} could not be published: expected what the line"
            " above says; a projector tries it again"
        )
    return Promoted(taken is None, taken.published if taken else None)


def _take(settings: Settings) -> Taken:
    """As a projector does, when none is at work.

    Raises:
        WarehouseHeld: one is.
    """
    with (
        layout.holding(settings.live, settings.share),
        LiveWarehouse(settings.warehouse, settings.share) as warehouse,
    ):
        return asyncio.run(_publish(settings, warehouse))


async def _publish(settings: Settings, warehouse: LiveWarehouse) -> Taken:
    async def at_once(function: Callable[[], Any]) -> Any:
        return function()

    publisher = Publisher(
        warehouse,
        settings.publication,
        every=settings.publish_seconds,
        in_turn=at_once,
        announce=Shards(settings, warehouse).unite,
    )
    await publisher.publish()
    behind = promotion.missing_until_published(warehouse.connection)
    return Taken(published=not behind, failed=publisher.failing)


def _refuse_own(settings: Settings, path: Path) -> None:
    """Let nobody take away what people or processes have open.

    Raises:
        WarehouseError: it is such a file.
    """
    live = settings.warehouse
    own = {
        settings.published: "the warehouse that people open",
        settings.publication: "the warehouse that people open",
        live: "the live warehouse itself",
        promotion.waiting(live): "waiting already",
    }
    for file, what in own.items():
        if path.exists() and file.exists() and path.samefile(file):
            raise WarehouseError(f"{path} is {what}: expected another file, or a copy of it")


def _published(settings: Settings) -> tuple[Contents | None, Census]:
    """What people see now. The live file itself cannot be read while a projector is at work."""
    if not settings.publication.exists():
        return None, Census({}, {})
    return read(settings.publication)


async def _bounds(settings: Settings, path: Path, contents: Contents) -> tuple[Offsets, Offsets]:
    """Start and end of the log, by partition; it must have what the file has to read next."""
    starts, ends = {}, {}
    async with opened(settings, None) as history:
        await _require(settings, history.reader, path, contents)
        known = await history.reader.partitions()
        for each in filter(settings.owns, {*known, *contents.positions}):
            starts[each], ends[each] = await history.bounds(each)
            position = contents.positions.get(each)
            if position is None:
                position = await beginning(history.reader, each, begun=bool(contents.positions))
            try:
                refuse_misfit(history.name, each, position, start=starts[each], end=ends[each])
            except LogGap as gap:
                raise LogGap(
                    f"{path} cannot be read on from: {gap}; the projector would stop there, so make it "
                    "anew by a replay"
                ) from None
    return starts, ends


async def _require(settings: Settings, reader: LogReader, path: Path, contents: Contents) -> None:
    found = await reader.identity()
    if found != contents.identity:
        raise LogMismatch(
            f"{misfit(settings, found, str(contents.identity))}, which {path} was made from"
        )


def _oldest(settings: Settings, identity: str | None, starts: Offsets) -> Offsets:
    """By partition, the first offset that archive or log have."""
    archive = Archive.open(settings.archive_folder)
    if archive is None or archive.log_identity != identity:
        return starts
    held = {each: held.first for each, held in archive.held.items()}
    return {each: min(start, held.get(each, start)) for each, start in starts.items()}


def _refuse_partial(
    path: Path,
    contents: Contents,
    census: Census,
    oldest: Mapping[int, int],
    seen: Census,
) -> None:
    """Make sure that no older facts are given up unawares: some that archive or log have, or that are
    published.

    Raises:
        WarehouseError: the file begins later.
    """
    for partition, first in contents.replayed_from.items():
        if first > oldest.get(partition, first):
            raise WarehouseError(
                f"{path} was replayed from offset {first} of partition {partition}, and lacks what is "
                f"before: expected {oldest[partition]}, the oldest that there is, or --partial if that "
                "is what is wanted"
            )
    for partition, published in seen.oldest.items():
        read_to = contents.positions.get(partition, 0)
        first = min(census.oldest.get(partition, read_to), read_to)
        if published < first:
            raise WarehouseError(
                f"{path} has nothing of partition {partition} before offset {first}, and what is "
                f"published now has facts from offset {published} on: expected these too, or --partial if "
                "they are to be given up"
            )
