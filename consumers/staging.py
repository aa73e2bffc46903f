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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from dwell.consumers.judge import judge
from dwell.consumers.scan import scan
from dwell.consumers.spans import Span
from dwell.errors import WarehouseError
from dwell.events.log import Batch, LogReader
from dwell.events.opening import open_reader, quiet
from dwell.settings import Settings
from dwell.warehouse.rebuilding import Segment
from dwell.warehouse.segments import Kind, SegmentWriter, records_in

SEGMENT_RECORDS = 40_000
"""Records in a segment at most: some 80 MB while they are read, 1 MB as a file."""
TASK_OFFSETS = 250_000
"""Offsets that a process is given at once."""


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


def drop_others(spans: Iterable[Span], folder: Path) -> None:
    """Remove what a former run has left in the folder and is not wanted from the log any more: the archive
    may have taken it in since."""
    wanted = list(spans)
    for segment in segments_in(folder):
        if not any(each.covers(segment) for each in wanted):
            (folder / segment.file).unlink()


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
        with _uninterrupted():
            running = {pool.submit(_work_here, task): task for task in tasks}
        _follow(running, done)
    except KeyboardInterrupt:
        for each in multiprocessing.active_children():
            each.terminate()  # what a worker has not finished is read again
        raise
    except BrokenProcessPool:
        raise WarehouseError(
            "a process that reads the log was killed: expected memory enough for "
            f"{processes} of them; the same command goes on where this one ended"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """What begins in here never hears Ctrl-C, which a terminal tells to everybody: a process that still
    imports what it needs would end with a traceback. It is heard here when all have begun.

    Processes inherit what the thread that starts them has blocked. That alone would not do: another thread
    of this process would hear it, and break off the start of a process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    former = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, signal.SIG_DFL if former is None else former)
        if heard:
            signal.raise_signal(signal.SIGINT)


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
    first = span.first
    async for batches, reached in scan(reader, span, SEGMENT_RECORDS):
        put(Span(span.partition, first, reached), batches)
        first = reached


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
