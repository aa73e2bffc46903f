"""The lines of many processes in one terminal, each with the name of who said it."""

import os
from collections.abc import Mapping
from typing import TextIO

CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}


class Lines:
    """Prints lines. Colour is for terminals, unless NO_COLOR is set.

    When nobody reads any more, what is said is lost and nothing else.
    """

    def __init__(self, sink: TextIO, names: list[str], environ: Mapping[str, str]) -> None:
        self._sink = sink
        self._width = max(map(len, names))
        self._coloured = (
            sink.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        )

    def told(self, name: str, colour: str, line: str) -> None:
        """A line that a process has written."""
        prefix = f"{name.ljust(self._width)} |"
        if self._coloured:
            prefix = f"\x1b[{CODES[colour]}m{prefix}\x1b[0m"
        self.say(f"{prefix} {line}")

    def say(self, text: str) -> None:
        """A line of our own."""
        encoding = self._sink.encoding or "utf-8"
        try:
            self._sink.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            self._sink.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._sink.fileno())
