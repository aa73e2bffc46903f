"""Processes of Dwell that are forked from one that has imported it, where the system can do so."""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

from tests.support.house import ROOT
from tests.support.zygote import QUIET, Order

ADDRESS = "ZYGOTE_OF_TESTS"
"""The variable that names the socket of the zygote, for whoever shares one."""
ABLE = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
"""Linux."""
SINCE_THE_START = ("PYTHON", "LD_", "LC_", "LANG")
"""How the names of variables begin that a process reads only when it starts."""


def can_be_forked(environ: Mapping[str, str]) -> bool:
    """Whether a forked process would be the same as one that is started with this environment."""
    names = environ.keys() | os.environ.keys()
    told = (name for name in names if name.startswith(SINCE_THE_START))
    return ABLE and all(environ.get(name) == os.environ.get(name) for name in told)


class Forked:
    """A process that is no child of this one, as `subprocess.Popen` would show it.

    Attributes:
        returncode: its exit status, negative for a signal; `None` until it was seen to have ended.
    """

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers
        said, (self._handle,), _, _ = socket.recv_fds(answers, 32, 1)
        self.pid = int(said)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        return self._seen(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not within so many seconds.
        """
        status = self._seen(timeout)
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return status

    def send_signal(self, number: int) -> None:
        """To it alone, and to no other one that got its number later."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _seen(self, within: float | None) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], within)[0]:
            self.returncode = int(self._answers.recv(32))
            self._answers.close()
            os.close(self._handle)
        return self.returncode


def fork(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    streams: Sequence[IO[Any] | int],
    lines: str = "",
) -> Forked:
    """`dwell …` with these three streams, in the folder that is this process's now; or, with the same
    arguments, lines of Python that import Dwell."""
    with ExitStack() as opened:
        answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened.enter_context(theirs)
        order = Order(list(arguments), dict(environ), str(Path.cwd()), lines)
        descriptors = [each if isinstance(each, int) else each.fileno() for each in streams]
        socket.send_fds(_line(), [order.sent()], [*descriptors, theirs.fileno()])
    return Forked(answers)


def share() -> None:
    """Have one zygote for this process and all that it starts; it begins with its work when one of them
    wants a process."""
    if ABLE and ADDRESS not in os.environ:
        os.environ[ADDRESS] = _line().getpeername()


@cache
def _line() -> socket.socket:
    """The line to the zygote, which is started here unless there is one to be shared."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if ADDRESS in os.environ:
        line.connect(os.environ[ADDRESS])
    else:
        _start_zygote(line)
    return line


def _start_zygote(line: socket.socket) -> None:
    """Start one, and connect the line to it before: it ends with the last line."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DWELL_")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(Path(mkdtemp(prefix="dwell-zygote-")) / "orders"))
        listening.listen()
        line.connect(listening.getsockname())
        zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote", str(listening.fileno())],
            cwd=ROOT,
            env=plain | QUIET,
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def close() -> None:
        line.close()
        zygote.wait(20)

    atexit.register(close)
