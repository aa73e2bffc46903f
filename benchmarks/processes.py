"""What a command takes: seconds, processor time, and the memory of all its processes together."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import environment

NO_PORT = 8000
"""For settings that want one, of a command that listens on none."""
EVERY = 0.1
"""Seconds between two looks at the memory."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """What a command took.

    Attributes:
        status: its exit status.
        cpu: processor seconds of it and of all processes that it started.
        peak_mib: the most physical memory that all of them had at one time; what several of them share
            is counted once (PSS).
    """

    status: int
    seconds: float
    cpu: float
    peak_mib: float


def spent(*arguments: str, environ: Mapping[str, str]) -> Spent:
    """Run `dwell …` to its end; what it says on standard error is shown."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dwell.cli", *arguments],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    peak = 0
    ended = 0
    try:
        while not ended:
            peak = max(peak, sum(map(_kib, tree(process.pid))))
            time.sleep(EVERY)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.terminate()
            process.wait()
    seconds = time.perf_counter() - began
    return Spent(process.returncode, seconds, usage.ru_utime + usage.ru_stime, peak / 1024)


@contextmanager
def started(
    data: Path,
    module: str,
    *arguments: str,
    before: Sequence[str] = (),
    said: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m` with this module on a data folder, for the time of a `with`.

    Args:
        before: what runs it, as `nice`.
        said: where standard error goes, by default to where that of this process does.
    """
    process = subprocess.Popen(
        [*before, sys.executable, "-m", module, *arguments],
        env=environment(data, NO_PORT),
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    try:
        yield process
        assert process.poll() is None, f"{module} ended with {process.returncode}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have a thread of its own work for the time of a `with`: until the event is set."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def tree(pid: int) -> Iterator[int]:
    """The process and all that it started, as far as they run."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """Processor seconds that the process has used so far; 0 once it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def used_by(pid: int) -> float:
    """Processor seconds of a process and all that it started."""
    return sum(map(cpu_seconds, tree(pid)))


def _kib(pid: int) -> int:
    """Its proportional set size; 0 once it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(rollup.partition("\nPss:")[2].split()[0])
