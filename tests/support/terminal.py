"""A pseudo-terminal with a process in it, as a person sits before one."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from fcntl import ioctl
from functools import partial
from io import FileIO
from termios import ISIG, TIOCSWINSZ, tcgetattr

from tests.support.forking import Forked, can_be_forked, fork
from tests.support.running import DWELL

Running = subprocess.Popen[bytes] | Forked
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """A terminal of 100 columns; closing it ends the process.

    Args:
        begin: begins a process with this terminal as its own, and this environment.
    """

    def __init__(
        self, begin: Callable[[FileIO, Mapping[str, str]], Running], environ: Mapping[str, str]
    ) -> None:
        self._ours, theirs = pty.openpty()
        self._theirs = FileIO(theirs, "r+")
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self.raw = ""
        ioctl(self._ours, TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        of_a_terminal = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = begin(self._theirs, dict(environ) | of_a_terminal)

    @property
    def shown(self) -> str:
        """What it printed so far, without colours and movements."""
        return _CONTROL.sub("", self.raw)

    @property
    def interrupts(self) -> bool:
        """Whether Ctrl-C is a signal now, and no key that the process reads itself."""
        return bool(tcgetattr(self._ours)[3] & ISIG)

    def type(self, text: str) -> None:
        """Press keys; `\\r` is Enter, `\\x03` is Ctrl-C."""
        os.write(self._ours, text.encode())

    def expect(self, text: str, within: float = 20, after: int = 0) -> int:
        """Wait until `text` is shown behind position `after`; returns the position behind it."""
        deadline = time.monotonic() + within
        while (found := self.shown.find(text, after)) < 0:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.shown[after:]!r}"
            if select.select([self._ours], [], [], left)[0]:
                self._read()
        return found + len(text)

    def wait(self, within: float = 20) -> int:
        """Wait until the process has ended, and read all that it printed; returns its exit status."""
        deadline = time.monotonic() + within
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it has not ended within {within} s: {self.shown}"
            if select.select([self._ours], [], [], 0.02)[0]:
                self._read()
        self._theirs.close()
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        """Read what is there; whether there was anything."""
        try:
            read = os.read(self._ours, 65_536)
        except OSError:  # as Linux has it when nobody has the terminal open any more
            read = b""
        self.raw += self._decoder.decode(read)
        return bool(read)

    def close(self) -> None:
        """End the process if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
        self._theirs.close()
        os.close(self._ours)


@contextmanager
def in_terminal(*arguments: str, environ: Mapping[str, str]) -> Iterator[Terminal]:
    """`dwell …` in a terminal, for the time of a `with`; forked where that is the same as to start it."""
    begin = partial(_fork if can_be_forked(environ) else _start_dwell, arguments)
    with closing(Terminal(begin, environ)) as opened:
        yield opened


@contextmanager
def terminal(argv: Sequence[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    """The same for any command."""
    with closing(Terminal(partial(_start, argv), environ)) as opened:
        yield opened


def _fork(arguments: Sequence[str], theirs: FileIO, environ: Mapping[str, str]) -> Running:
    return fork(arguments, environ, (theirs, theirs, theirs))


def _start_dwell(arguments: Sequence[str], theirs: FileIO, environ: Mapping[str, str]) -> Running:
    return _start([*DWELL, *arguments], theirs, environ)


def _start(argv: Sequence[str], theirs: FileIO, environ: Mapping[str, str]) -> Running:
    # A session's leader that opens a terminal gets it as its own: Ctrl-C then works.
    name = os.ttyname(theirs.fileno())
    return subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" <{name} >{name} 2>&1', "sh", *argv],
        env=environ,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
