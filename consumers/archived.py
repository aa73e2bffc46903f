"""A reader of archive and log as one, by the contract of a log's reader."""

import asyncio
from collections.abc import Mapping

from dwell.errors import LogMismatch
from dwell.events.log import Batch, LogReader
from dwell.warehouse.archive import Archive


class ArchivedReader(LogReader):
    """Reads what the log has from the log, and what it has no more from its archive."""

    def __init__(self, log: LogReader, archive: Archive) -> None:
        self._log = log
        self._archive = archive
        self._archived: dict[int, int] = {}
        self._positions: dict[int, int] = {}

    async def identity(self) -> str:
        """As the contract says.

        Raises:
            LogMismatch: the archive is another log's.
        """
        found = await self._log.identity()
        if found != self._archive.log_identity:
            raise LogMismatch(
                f"{self._archive.folder} holds log {self._archive.log_identity}, and the log at hand is "
                f"{found}: expected the same; DWELL_ARCHIVE names another folder"
            )
        return found

    async def partitions(self) -> list[int]:
        """As the contract says."""
        return sorted({*await self._log.partitions(), *self._archive.held})

    async def start(self, partition: int) -> int:
        """As the contract says, if nothing is missing between archive and log; else the log's."""
        start = await self._log.start(partition)
        held = self._archive.held.get(partition)
        return min(start, held.first) if held and held.until >= start else start

    async def end(self, partition: int) -> int:
        """As the contract says."""
        return await self._log.end(partition)

    async def offset_at(self, partition: int, timestamp: int) -> int:
        """As the contract says."""
        if await self.start(partition) < await self._log.start(partition):
            found = await asyncio.to_thread(self._archive.offset_at, partition, timestamp)
            if found is not None:
                return found
        return await self._log.offset_at(partition, timestamp)

    async def assign(self, positions: Mapping[int, int]) -> None:
        """As the contract says."""
        self._archive = Archive.open(self._archive.folder) or self._archive  # it may have grown
        await self.identity()
        self._positions = dict(positions)
        self._archived = {
            partition: position
            for partition, position in positions.items()
            if await self.start(partition) <= position < await self._log.start(partition)
        }
        await self._assign_log()

    async def read(self, most: int, wait: float) -> list[Batch]:
        """As the contract says."""
        for partition, position in self._archived.items():
            until = self._archive.held[partition].until
            batch = await asyncio.to_thread(self._read, partition, position, most)
            if batch is not None:
                self._archived[partition] = batch.next_offset
                return [batch]
            del self._archived[partition]
            self._positions[partition] = until
            await self._assign_log()
            break
        batches = await self._log.read(most, wait)
        self._positions |= {batch.partition: batch.next_offset for batch in batches}
        return batches

    async def position(self, partition: int) -> int:
        """As the contract says."""
        if partition in self._archived:
            return self._archived[partition]
        return await self._log.position(partition)

    async def close(self) -> None:
        """As the contract says."""
        await self._log.close()

    async def _assign_log(self) -> None:
        """Have the log read what is not read from the archive."""
        await self._log.assign(
            {each: at for each, at in self._positions.items() if each not in self._archived}
        )

    def _read(self, partition: int, position: int, most: int) -> Batch | None:
        rows = self._archive.read(partition, position, most)
        if not rows:
            return None
        offsets, timestamps, keys, values = map(list, zip(*rows, strict=True))
        return Batch(partition, offsets, timestamps, keys, values)
