"""System calls that fail or take long, in a process that runs: strace puts that in their place."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.running import wait_until

SYNCS = ("fsync", "fdatasync")
WRITES = ("write", "pwrite64", "writev", "pwritev")


@contextmanager
def failing(
    pid: int, calls: Sequence[str], how: str, paths: Sequence[Path], said: Path
) -> Iterator[Path]:
    """For the time of a `with`, what a process asks of these files ends as strace's `inject` has it, in
    all its threads: `error=EIO`, or `delay_enter=300000` (µs). Files that it opens meanwhile count too.

    Skips where there is no strace, or it may not be attached.

    Args:
        said: a new file, for what strace writes of each call; it is given back.
    """
    if shutil.which("strace") is None:
        pytest.skip("no strace: Debian's package of that name has it")
    named = [word for path in paths for word in ("-P", str(path))]
    inject = f"inject={','.join(calls)}:{how}"
    command = ["strace", "-f", "-o", str(said), "-e", f"trace={','.join(calls)}", "-e", inject]
    with subprocess.Popen(
        [*command, *named, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    ) as strace:
        assert strace.stderr is not None
        try:
            if "attached" not in (first := strace.stderr.readline()):
                pytest.skip(f"strace cannot be attached here: {first.strip()}")
            wait_until(lambda: _all_attached(pid))
            yield said
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait(20)


def _all_attached(pid: int) -> bool:
    """Whether each thread is traced by now."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    return all("TracerPid:\t0\n" not in (each / "status").read_text() for each in threads)


def hit(said: Path) -> bool:
    """Whether any call was one of those that were to fail, or to take long."""
    return said.exists() and ("(INJECTED)" in said.read_text() or "(DELAYED)" in said.read_text())
