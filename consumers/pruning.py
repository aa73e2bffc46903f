"""Pruning: the embedded log keeps facts for so long; older ones are in the archive, and go."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dwell.consumers.archiving import archive
from dwell.consumers.erasures import published
from dwell.consumers.extent import Point
from dwell.consumers.forgetting import lives
from dwell.consumers.history import opened
from dwell.consumers.watcher import Watcher
from dwell.errors import SettingInvalid, WarehouseHeld
from dwell.events.dropping import drop
from dwell.events.embedded import PARTITION
from dwell.locks import alone
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from dwell.warehouse.contents import positions_at_rest

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to go.

    Attributes:
        moment: facts received before it are old, in milliseconds since 1970.
        first: the oldest offset that the log has.
        until: the offset before which everything may go; `first` if nothing may.
        old: the offset before which everything is old.
        published: the offset before which everything is published.
    """

    moment: int
    first: int
    until: int
    old: int
    published: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of it: records that came into the archive, and that went from the log."""

    archived: int
    dropped: int


def plan(settings: Settings, now: int, read: int | None = None) -> Plan:
    """What is old and published by now; nothing is changed.

    A day goes as a whole, so that the archive's file of it is written once.

    Args:
        now: milliseconds since 1970.
        read: the offset before which a projector at work has read everything, if that is known.

    Raises:
        SettingInvalid: it is not said how long facts are kept, or the log is Kafka's.
        LogError: the log does not answer, or there is none.
    """
    keep = settings.keep_facts_ms
    if settings.kafka_servers:
        raise SettingInvalid(
            f"DWELL_LOG is '{settings.log}': expected an embedded log; what a topic keeps, its retention"
            " says (retention.ms), and `dwell archive` keeps what it drops"
        )
    if keep is None:
        raise SettingInvalid(
            "DWELL_KEEP_FACTS is '': expected how long the log keeps facts, as 90d; it keeps them for ever"
        )
    return asyncio.run(_planned(settings, old_before(keep, now), read))


def old_before(keep: int, now: int) -> int:
    """Before which moment facts are old that are kept for so long; all in milliseconds, since 1970."""
    moment = now - keep
    if keep >= DAY_MS:
        moment -= moment % DAY_MS
    return max(moment, 0)


async def _planned(settings: Settings, moment: int, read: int | None = None) -> Plan:
    async with opened(settings, None) as history:
        first, end = await history.bounds(PARTITION)
        old = await history.offset_at(PARTITION, moment)
        identity = await history.identity()
    told = published(settings, identity).positions.get(PARTITION, 0)
    known = min([told, *_read(settings), *([] if read is None else [read])])
    return Plan(moment, first, max(first, min(old, known, end - 1)), old, known)


def _read(settings: Settings) -> Iterator[int]:
    """How far the live files have read that no projector has open. One that has just taken the place of
    another may be behind what is published."""
    for each in lives(settings):
        positions = positions_at_rest(each.warehouse)
        if PARTITION in positions:
            yield positions[PARTITION]


def prune(settings: Settings, what: Plan, *, processes: int, watcher: Watcher) -> Pruned:
    """Archive what is to go, and then drop it from the log.

    Raises:
        WarehouseHeld: another process writes to the archive, visitors are being forgotten, or a backup
            is being made.
        LogError, WarehouseError: as `archive` and `drop`.
    """
    if what.until <= what.first:
        return Pruned(0, 0)
    added = archive(
        settings, Point("latest", offsets={None: what.until}), processes=processes, watcher=watcher
    ).added
    refusal = f"{settings.live} is being worked in by `dwell forget`, `dwell backup` or `dwell log`: wait for it"
    with alone(settings.live / "forget.lock", WarehouseHeld(refusal)):
        # Asked again: an erasure has projectors read anew what was published before.
        now = asyncio.run(_planned(settings, what.moment))
        until = min(_archived(settings, what), now.until)
        watcher.begin("dropping from the log", until - what.first)
        return Pruned(added, drop(settings.embedded_log, until, done=watcher.advance))


def _archived(settings: Settings, what: Plan) -> int:
    """The offset before which everything that the plan names is in the archive, as its manifest says."""
    written = Archive.open(settings.archive_folder)
    held = written.held.get(PARTITION) if written else None
    if held is None or held.first > what.first:
        return what.first
    return min(held.until, what.until)


def now_ms() -> int:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000
