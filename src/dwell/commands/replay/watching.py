"""How far a long run is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


class Watching:
    """Shows steps of so many records each, on standard error, for the time of a `with`."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = TaskID(0)
        self._step = ""
        self._total = self._before = self._done = 0
        self._began = self._said = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, step: str, total: int, before: int = 0) -> None:
        """A step begins, of which a former run has done so many records already."""
        self._step, self._total, self._before, self._done = step, total, before, before
        self._began = self._said = time.monotonic()
        self._task = self._bar.add_task(step, total=total, completed=before, pace="")

    def advance(self, records: int) -> None:
        """So many records more are done."""
        self._done += records
        now = time.monotonic()
        self._bar.update(self._task, completed=self._done, pace=f"{self._rate(now):,.0f}/s")
        if self._bar.disable and now - self._said >= LINE_EVERY:
            self._said = now
            rate = self._rate(now)
            left = (self._total - self._done) / rate if rate else 0
            sys.stderr.write(
                f"{self._step}: {self._done:,} of {self._total:,}, {rate:,.0f}/s, {left:.0f} s left\n"
            )
            sys.stderr.flush()

    def _rate(self, now: float) -> float:
        return (self._done - self._before) / max(now - self._began, 0.001)
