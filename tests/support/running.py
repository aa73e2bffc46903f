"""Dwell's own processes, started as a person starts them and stopped whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.support.forking import Forked, can_be_forked, fork
from tests.support.processes import processor_seconds

DWELL = (sys.executable, "-m", "dwell.cli")
"""Starts Dwell anew: for how it starts, and for what it takes in memory."""


def free_port() -> int:
    """A port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(data: Path, port: int, **settings: object) -> dict[str, str]:
    """The caller's environment without its `DWELL_…` variables, and with these settings; a dashboard
    takes any free port."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DWELL_")}
    another = next(each for each in iter(free_port, None) if each != port)
    given = {"data": data, "port": port, "dashboard_port": another} | settings
    return plain | {f"DWELL_{name.upper()}": str(value) for name, value in given.items()}


def wait_until(happened: Callable[[], object], within: float = 20, every: float = 0.02) -> None:
    """Wait until `happened()` is true.

    What takes long to look at (a warehouse to be opened, a process to be started) is looked at less
    often, so that those who are waited for have the processor.

    Raises:
        TimeoutError: it was not within so many seconds.
    """
    deadline = time.monotonic() + within
    looked = time.monotonic()
    while not happened():
        if (now := time.monotonic()) > deadline:
            raise TimeoutError(f"not within {within} s")
        time.sleep(max(every, min(2 * (now - looked), 0.25)))
        looked = time.monotonic()


def wait_until_at_work(pid: int, seconds: float = 0.3) -> None:
    """Wait until a process has had the processor for so long: what takes as much is under way in it."""
    before = processor_seconds(pid)
    wait_until(lambda: processor_seconds(pid) >= before + seconds)


def answers(url: str) -> bool:
    """Whether anything at `url` answers HTTP, whatever the status."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def begun(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes],
    lines: str = "",
) -> "subprocess.Popen[bytes] | Forked":
    """`dwell …` in a session of its own, with nothing to read; or lines of Python that import Dwell."""
    if not can_be_forked(environ):
        program = (sys.executable, "-c", lines) if lines else DWELL
        return started([*program, *arguments], environ, stdout, stderr)
    with Path(os.devnull).open("rb") as nothing:
        return fork(arguments, environ, (nothing, stdout, stderr), lines)


def started(
    argv: Sequence[str], environ: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """The same for any command."""
    return subprocess.Popen(
        argv,
        env=dict(environ),
        stdout=stdout,
        stderr=stderr,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


@dataclass(frozen=True)
class Done:
    """How a `dwell …` ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


def done(*arguments: str, environ: Mapping[str, str], within: float = 60, lines: str = "") -> Done:
    """`dwell …`, or lines of Python, until it ends by itself.

    Raises:
        subprocess.TimeoutExpired: it has not within so many seconds; it is killed.
    """
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        process = begun(arguments, environ, stdout, stderr, lines)
        try:
            status = process.wait(within)
        finally:
            process.kill()
            process.wait()
        stdout.seek(0)
        stderr.seek(0)
        return Done(status, stdout.read().decode(), stderr.read().decode())


def script(lines: str, *arguments: str) -> Done:
    """Lines of Python that import Dwell, in a process of their own, until it ends by itself."""
    return done(*arguments, environ=os.environ, lines=lines)


@dataclass(frozen=True)
class Piped:
    """A process, and the pipes through which it speaks."""

    process: "subprocess.Popen[bytes] | Forked"
    stdout: IO[bytes]
    stderr: IO[bytes]


@contextmanager
def piped(*arguments: str, environ: Mapping[str, str], lines: str = "") -> Iterator[Piped]:
    """`dwell …`, or lines of Python, for the time of a `with`; it is killed if it has not ended."""
    with ExitStack() as opened:
        stdout, its_stdout = _pipe(opened)
        stderr, its_stderr = _pipe(opened)
        with its_stdout, its_stderr:
            process = begun(arguments, environ, its_stdout, its_stderr, lines)
        try:
            yield Piped(process, stdout, stderr)
        finally:
            process.kill()
            process.wait()


def _pipe(opened: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Both ends of a pipe: to read, and to write."""
    ends = os.pipe()
    reads, writes = (os.fdopen(end, mode) for end, mode in zip(ends, ("rb", "wb"), strict=True))
    return opened.enter_context(reads), opened.enter_context(writes)


class Process:
    """One running `dwell …`, forked where that is the same as to start it.

    Attributes:
        output: the file that collects what it prints.
    """

    _process: "subprocess.Popen[bytes] | Forked"

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str],
        output: Path,
        under: Sequence[str] = (),
    ) -> None:
        """`under` is a command that runs it, such as `setpriv`."""
        self.output = output
        with output.open("ab") as sink:
            if under:
                self._process = started([*under, *DWELL, *arguments], environ, sink, sink)
            else:
                self._process = begun(arguments, environ, sink, sink)
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_for(self, url: str, within: float = 20) -> None:
        """Wait until `url` answers; a process that ends before says what it printed."""

        def ready() -> bool:
            assert self.alive, f"it ended with {self._process.returncode}: {self.printed()}"
            return answers(url)

        wait_until(ready, within)

    def printed(self) -> str:
        """All that it printed so far."""
        return self.output.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, to this process alone."""
        self._process.kill()
        self._process.wait()

    def send(self, how: int) -> None:
        """A signal, to this process alone."""
        self._process.send_signal(how)

    def wait(self, within: float = 15) -> int:
        """Wait until it has ended; returns its exit status."""
        return self._process.wait(within)

    def stop(self, how: int = signal.SIGINT, within: float = 15) -> int:
        """End it as Ctrl-C does; returns its exit status."""
        if self.alive:
            self._process.send_signal(how)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


@contextmanager
def running(
    *arguments: str,
    environ: Mapping[str, str],
    output: Path,
    url: str | None = None,
    under: Sequence[str] = (),
) -> Iterator[Process]:
    """`dwell …` for the time of a `with`; waits for `url` to answer if one is given."""
    process = Process(*arguments, environ=environ, output=output, under=under)
    try:
        if url is not None:
            process.wait_for(url)
        yield process
    finally:
        if process.alive:
            process.stop()
