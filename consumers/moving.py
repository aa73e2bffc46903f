"""Moving to another log: the last records are copied, and what was made from the log belongs to the new one.

Every step may be done again: whatever is killed when, the same call finishes it.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dwell.consumers.copying import Copied, Copying
from dwell.consumers.erasures import searched
from dwell.consumers.forgetting import lives
from dwell.consumers.shards import Shards
from dwell.consumers.spans import Span
from dwell.consumers.watcher import Watcher
from dwell.errors import LogMismatch
from dwell.events import blanking, log_file
from dwell.events.log import LogReader
from dwell.settings import Settings
from dwell.warehouse import belonging, promotion, snapshot
from dwell.warehouse.archive import Archive
from dwell.warehouse.archive_writer import ArchiveWriter
from dwell.warehouse.live import LiveWarehouse

Say = Callable[[str], None]


@dataclass
class Moved:
    """What came of it.

    Attributes:
        copied: what was copied by this run.
        left: what does not belong to the new log, a line each.
    """

    copied: Copied
    left: list[str] = field(default_factory=list)


class Move:
    """From one log to another, which `DWELL_LOG` is to name afterwards.

    Args:
        source: the settings as they are, with the log that is left.
        target: the same with the log that is moved to.
        say: told what each step did.
    """

    def __init__(self, source: Settings, target: Settings, *, watcher: Watcher, say: Say) -> None:
        self._source = source
        self._target = target
        self._watcher = watcher
        self._say = say

    def run(self) -> Moved:
        """All steps.

        Raises:
            WarehouseHeld: a projector is at work; the log may be closed to facts by then.
            LogMismatch: the new log is no whole copy.
            LogError, WarehouseError: as logs and files have it.
        """
        with belonging.holding(lives(self._source)):
            return asyncio.run(self._run())

    async def _run(self) -> Moved:
        async with Copying.between(self._source, self._target) as copying:
            # What cannot be moved is refused while the log takes facts still.
            before = await copying.run(self._watcher)
            self._close()
            rest = await copying.run(self._watcher)
            moved = Moved(replace(rest, records=before.records + rest.records))
            former, new = copying.identities
            if not moved.copied.merges:
                await self._refuse_differing(copying)
            await self._erase(copying.target)
            if moved.copied.merges:
                self._leave(moved, former)
            else:
                self._take_along(former, new)
            await copying.refuse_growth(moved.copied)
            await copying.replica.open()
        self._say(f"{self._target.log} is the log now: have DWELL_LOG name it")
        return moved

    def _close(self) -> None:
        """Let the log that is left take no more facts, where it can be kept from it."""
        if not self._source.kafka_servers and self._source.embedded_log.exists():
            log_file.close(self._source.embedded_log, f"it has moved to {self._target.log}")
            self._say(f"closed {self._source.embedded_log} to facts")

    async def _refuse_differing(self, copying: Copying) -> None:
        """Compare all of both logs: nothing may be lost, doubled or appended meanwhile.

        Raises:
            LogMismatch: they differ.
        """
        difference = await copying.compare(self._watcher)
        if difference is not None:
            raise LogMismatch(
                f"{self._target.log} is no whole copy of {self._source.log}: {difference}; expected nobody"
                " who appends to either of them meanwhile: stop the site, and run this again"
            )

    async def _erase(self, target: LogReader) -> None:
        """Blank in the new log what was forgotten after it had been copied."""
        if self._target.kafka_servers:
            return
        orders = await erased_by(target)
        if orders:
            blanking.blank(self._target.embedded_log, orders)

    def _take_along(self, former: str, new: str) -> None:
        """Have the warehouses, the way back and the archive belong to the new log."""
        for settings in lives(self._source):
            with LiveWarehouse(settings.warehouse, settings.share) as warehouse:
                if belonging.change(warehouse, former, new):
                    self._publish(settings, warehouse, former, new)
                    Shards(settings, warehouse).unite()
                    self._say(f"{settings.warehouse} belongs to {self._target.log}")
            kept = promotion.former(settings.warehouse)
            if kept.exists() and belonging.change_file(kept, former, new):
                self._say(f"{kept} too")
        archive = Archive.open(self._source.archive_folder)
        if archive is not None and archive.log_identity == former:
            with ArchiveWriter.holding(archive.folder, former) as writer:
                replace(writer.manifest, log_identity=new).write(archive.folder)
            self._say(f"{archive.folder} too")

    def _publish(self, settings: Settings, warehouse: LiveWarehouse, former: str, new: str) -> None:
        """What people see belongs to the new log too. Of a promoted warehouse that has not caught up it is
        not the live file, but what they have seen."""
        published = settings.publication
        behind = promotion.missing_until_published(warehouse.connection)
        if not (behind and published.exists()):
            snapshot.copy(warehouse.path, published)
            return
        draft = snapshot.draft_of(published)
        try:
            shutil.copyfile(published, draft)
            belonging.change_file(draft, former, new)
            snapshot.put(draft, published)
        finally:
            draft.unlink(missing_ok=True)

    def _leave(self, moved: Moved, former: str) -> None:
        """Say what cannot be taken along where offsets are others."""
        moved.left += [
            f"{settings.warehouse} belongs to log {former}, whose partitions came into one: move it away,"
            " and the projector makes it anew"
            for settings in lives(self._source)
        ]
        archive = Archive.open(self._source.archive_folder)
        if archive is not None and archive.log_identity == former:
            moved.left.append(
                f"{archive.folder} belongs to log {former}: keep it, and have DWELL_ARCHIVE name another"
                " folder"
            )


async def erased_by(log: LogReader) -> dict[str, int]:
    """By visitor, up to when what was received is to be erased, as the orders in a log say."""
    found: dict[str, int] = {}
    for partition, (start, end) in (await log.bounds(await log.partitions())).items():
        if start < end:
            for each in await searched(log, Span(partition, start, end)):
                found[each.visitor_id] = max(found.get(each.visitor_id, -1), each.received_at)
    return found


def move(source: Settings, target: Settings, *, watcher: Watcher, say: Say) -> Moved:
    """Move to another log.

    Raises:
        DwellError: as `Move.run`.
    """
    return Move(source, target, watcher=watcher, say=say).run()
