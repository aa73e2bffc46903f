"""The lines of many processes in one terminal, each with the name of who said it."""

import os
from collections.abc import Mapping
from typing import TextIO

from dwell import messages

CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}


class Lines:
    """Prints lines, or objects one a line. Colour is for terminals, unless NO_COLOR is set.

    When nobody reads any more, what is said is lost and nothing else.
    """

    def __init__(
        self,
        sink: TextIO,
        names: list[str],
        environ: Mapping[str, str],
        form: messages.Form = "text",
    ) -> None:
        self._sink = sink
        self._form = form
        self._width = max(map(len, names))
        self._coloured = (
            sink.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        )

    def told(self, name: str, colour: str, line: str) -> None:
        """A line that a process has written, or that is written in its name."""
        if self._form == "json":
            level = "WARNING" if colour == "red" else "INFO"
            self._write(line if messages.is_object(line) else messages.line(name, line, level))
            return
        prefix = f"{name.ljust(self._width)} |"
        if self._coloured:
            prefix = f"\x1b[{CODES[colour]}m{prefix}\x1b[0m"
        self._write(f"{prefix} {line}")

    def say(self, text: str) -> None:
        """Something of our own."""
        if self._form == "text":
            self._write(text)
            return
        for each in filter(None, map(str.strip, text.splitlines())):
            self._write(messages.line("up", each))

    def _write(self, text: str) -> None:
        encoding = self._sink.encoding or "utf-8"
        try:
            self._sink.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            self._sink.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._sink.fileno())
