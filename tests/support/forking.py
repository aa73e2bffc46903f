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
from typing import IO, Any

from tests.support.house import ROOT
from tests.support.zygote import QUIET, Order

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
) -> Forked:
    """`dwell …` with these three streams, in the folder that is this process's now."""
    with ExitStack() as opened:
        answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened.enter_context(theirs)
        order = Order(list(arguments), dict(environ), str(Path.cwd()))
        descriptors = [each if isinstance(each, int) else each.fileno() for each in streams]
        socket.send_fds(_orders(), [order.sent()], [*descriptors, theirs.fileno()])
    return Forked(answers)


@cache
def _orders() -> socket.socket:
    """The line to the zygote, which is started with the first process that a worker wants."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DWELL_")}
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.support.zygote", str(theirs.fileno())],
        cwd=ROOT,
        env=plain | QUIET,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()

    def close() -> None:
        ours.close()
        zygote.wait(20)

    atexit.register(close)
    return ours
