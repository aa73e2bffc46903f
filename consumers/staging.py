"""Staging: the log's records become segments, in several processes side by side.

What is written stays: a run that was killed is gone on with, and what is there is not read again.
"""

import asyncio
import atexit
import gc
import multiprocessing
import os
import signal
import threading
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TypeVar

from dwell.consumers.judge import judge
from dwell.consumers.spans import Span
from dwell.errors import LogUnavailable, WarehouseError
from dwell.events.log import Batch, LogReader
from dwell.events.opening import open_reader, quiet
from dwell.settings import Settings
from dwell.warehouse.rebuilding import Segment
from dwell.warehouse.segments import Kind, SegmentWriter, records_in

SEGMENT_RECORDS = 50_000
"""Records in a segment at most: some 100 MB while they are read, 1.5 MB as a file."""
TASK_OFFSETS = 250_000
"""Offsets that a process is given at once."""
READ_WAIT = 3.0
"""Seconds a record is waited for that the log must have."""
EMPTY_READS = 2
"""So many times in a row without a record, from a log that answers: the rest of the span is a gap."""
UNANSWERED_SECONDS = 60.0
"""How long a log that does not answer is asked again."""

Answer = TypeVar("Answer")


def stage(
    settings: Settings,
    spans: Iterable[Span],
    folder: Path,
    kind: Kind,
    *,
    processes: int,
    done: Callable[[int], None] = lambda _: None,
) -> list[Segment]:
    """Write the spans' records into the folder, but for what its segments hold already.

    Args:
        done: told how many offsets more have been read.

    Returns:
        the folder's segments.

    Raises:
        LogMismatch, LogUnavailable, WarehouseError: as the log or the disk has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = segments_in(folder)
    tasks = [
        piece
        for span in spans
        for missing in span.less(held)
        for piece in missing.pieces(TASK_OFFSETS)
    ]
    if tasks:
        _work(settings, tasks, folder, kind, processes, done)
    spans = segments_in(folder)
    paths = [folder / span.file for span in spans]
    return [
        Segment(path, *span, whole=True, records=records)
        for path, span, records in zip(paths, spans, records_in(paths), strict=True)
    ]


def unread(spans: Iterable[Span], folder: Path) -> int:
    """How many offsets of the spans are in no segment of the folder yet."""
    held = segments_in(folder)
    return sum(len(left) for span in spans for left in span.less(held))


def segments_in(folder: Path) -> list[Span]:
    """What the folder's segments hold, ascending."""
    found = (Span.of(path) for path in folder.glob("*.parquet"))
    return sorted(each for each in found if each is not None)


def _work(
    settings: Settings,
    tasks: Sequence[Span],
    folder: Path,
    kind: Kind,
    processes: int,
    done: Callable[[int], None],
) -> None:
    """Have the tasks done, side by side; a single one here, which saves starting a process."""
    if len(tasks) == 1:
        worker = _Worker(settings, folder, kind)
        try:
            worker.work(tasks[0])
        finally:
            worker.close()
        done(len(tasks[0]))
        return
    pool = ProcessPoolExecutor(
        min(processes, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(settings, folder, kind, os.getpid()),
    )
    try:
        _follow({pool.submit(_work_here, task): task for task in tasks}, done)
    except BrokenProcessPool:
        raise WarehouseError(
            "a process that reads the log was killed: expected memory enough for "
            f"{processes} of them; the same command goes on where this one ended"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _follow(running: dict["Future[None]", Span], done: Callable[[int], None]) -> None:
    left = set(running)
    while left:
        finished, left = wait(left, return_when=FIRST_COMPLETED)
        for each in finished:
            each.result()
            done(len(running[each]))


class _Worker:
    """Has a reader and a writer, and is given span after span."""

    def __init__(self, settings: Settings, folder: Path, kind: Kind) -> None:
        self._folder = folder
        self._runner = asyncio.Runner()
        self._reader = self._runner.run(_opened(settings))
        self._writer = SegmentWriter(judge, kind)

    def work(self, span: Span) -> None:
        """Write a span's segments."""
        self._runner.run(_stage(self._reader, span, self._put))

    def close(self) -> None:
        """Let go of the log."""
        self._runner.run(self._reader.close())
        self._runner.close()
        self._writer.close()

    def _put(self, span: Span, batches: Sequence[Batch]) -> None:
        self._writer.write(batches, self._folder / span.file)


_worker: _Worker
"""The one of this process, if it was started to be one."""


def _begin(settings: Settings, folder: Path, kind: Kind, parent: int) -> None:
    """Be a worker; end with the process that asked for it, whatever ended that."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(os._exit, 0)  # DuckDB would tell of each function it leaves behind
    gc.set_threshold(100_000, 20, 20)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    quiet(settings)
    _worker = _Worker(settings, folder, kind)


def _work_here(span: Span) -> None:
    _worker.work(span)


async def _opened(settings: Settings) -> LogReader:
    return open_reader(settings)


async def _stage(
    reader: LogReader, span: Span, put: Callable[[Span, Sequence[Batch]], None]
) -> None:
    await _patiently(partial(reader.assign, {span.partition: span.first}))
    first = span.first
    while first < span.until:
        batches = await _gather(reader, first, min(SEGMENT_RECORDS, span.until - first), span.until)
        until = min(batches[-1].next_offset, span.until) if batches else span.until
        put(Span(span.partition, first, until), list(_before(batches, span.until)))
        first = until


async def _gather(reader: LogReader, first: int, most: int, until: int) -> list[Batch]:
    """The next records, `most` or nearly so many; fewer only before a gap that reaches `until`."""
    gathered: list[Batch] = []
    empty = 0
    while most > 0 and first < until and empty < EMPTY_READS:
        batches = await _patiently(partial(reader.read, most, READ_WAIT))
        empty = 0 if batches else empty + 1
        for batch in batches:
            gathered.append(batch)
            most -= len(batch)
            first = batch.next_offset
    return gathered


def _before(batches: Iterable[Batch], until: int) -> Iterator[Batch]:
    """The records before an offset: behind a gap there may be some that nobody asked for."""
    for batch in batches:
        kept = bisect_left(batch.offsets, until)
        if kept == len(batch):
            yield batch
        elif kept:
            yield Batch(
                batch.partition,
                batch.offsets[:kept],
                batch.timestamps[:kept],
                batch.keys[:kept],
                batch.values[:kept],
            )


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What the log answers; one that does not is asked again for a while."""
    deadline = time.monotonic() + UNANSWERED_SECONDS
    while True:
        try:
            return await ask()
        except LogUnavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1.0)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
