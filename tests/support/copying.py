"""Logs that are copied: what stands in them."""

import asyncio

from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.events.opening import open_reader
from dwell.settings import Settings

Record = tuple[int, int, bytes, bytes]
"""Offset, timestamp, key and value."""


def everything(settings: Settings) -> dict[int, list[Record]]:
    """Every record of a log, by partition that has any."""
    return asyncio.run(_everything(settings))


async def _everything(settings: Settings) -> dict[int, list[Record]]:
    reader = open_reader(settings)
    found: dict[int, list[Record]] = {}
    try:
        for each in await reader.partitions():
            span = Span(each, await reader.start(each), await reader.end(each))
            if len(span) == 0:
                continue
            async for batches, _ in scan(reader, span, 20_000):
                for batch in batches:
                    found.setdefault(each, []).extend(
                        zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
                    )
    finally:
        await reader.close()
    return found
