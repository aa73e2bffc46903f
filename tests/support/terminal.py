"""A pseudo-terminal with a process in it, as a person sits before one."""

import os
import pty
import re
import select
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import ioctl
from termios import TIOCSWINSZ

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """A terminal of 100 columns; closing it ends the process."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(self._ours, TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        # A session's leader that opens a terminal gets it as its own: Ctrl-C then works.
        script = f'exec "$@" <{os.ttyname(theirs)} >{os.ttyname(theirs)} 2>&1'
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", *argv],
            env=dict(environ) | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._theirs = theirs
        self.raw = ""

    @property
    def shown(self) -> str:
        """What it printed so far, without colours and movements."""
        return _CONTROL.sub("", self.raw)

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
                self.raw += os.read(self._ours, 65_536).decode(errors="replace")
        return found + len(text)

    def close(self) -> None:
        """End the process if it has not ended."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(15)
        os.close(self._ours)
        os.close(self._theirs)


@contextmanager
def terminal(argv: Sequence[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    """A process in a terminal, for the time of a `with`."""
    opened = Terminal(argv, environ)
    try:
        yield opened
    finally:
        opened.close()
