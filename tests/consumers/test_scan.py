"""Scanning takes what there is, and no more of it at once than there is room for."""

import pytest

from dwell.consumers import scan
from dwell.consumers.spans import Span
from dwell.events.log import Batch, NewRecord
from dwell.events.memory import MemoryLog
from tests.support.facts import NOW


@pytest.mark.parametrize(("room", "pieces"), [(1_000, [20]), (500, [10, 10]), (1, [5] * 4)])
async def test_records_that_are_large_come_few_at_once(
    room: int, pieces: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "TOGETHER_BYTES", room)
    log = MemoryLog()
    log.put([NewRecord(b"key", b"x" * 50, NOW)] * 20)
    reader = log.reader()
    read = reader.read

    async def some(most: int, wait: float) -> list[Batch]:
        return await read(min(most, 5), wait)

    monkeypatch.setattr(reader, "read", some)
    found = [
        (sum(map(len, batches)), reached)
        async for batches, reached in scan.scan(reader, Span(0, 0, 20), 1_000)
    ]
    assert [records for records, _ in found] == pieces
    assert found[-1][1] == 20
