"""A period and the one before, on columns."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from dwell.warehouse.panels.columns.clock import Clock
from dwell.warehouse.panels.columns.counting import Array
from dwell.warehouse.panels.columns.known import Known
from dwell.warehouse.panels.columns.reading import statement
from dwell.warehouse.panels.selection import Selection

Ask = Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]
"""Rows of a statement that is asked of the publication."""


def milliseconds(moment: datetime) -> int:
    """Since 1970, of a moment in UTC without a zone; a part of one counts as a whole one."""
    since = moment.replace(tzinfo=UTC) - datetime.fromtimestamp(0, UTC)
    return -(-((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) // 1000)


class Span:
    """The time from one moment until before another: rows that began in it.

    Attributes:
        rows: of pageviews, which lie in the order in which they began.
        began: for each session, whether it began in it.
    """

    def __init__(self, known: Known, since: datetime, until: datetime) -> None:
        self.since, self.until = milliseconds(since), milliseconds(until)
        begin, end = np.searchsorted(known.pageviews.started, [self.since, self.until])
        self.rows = slice(int(begin), int(end))
        started = known.sessions.started
        self.began = (started >= self.since) & (started < self.until)


class Period:
    """What panels need of a period, whoever is looked at.

    Attributes:
        now: the period.
        before: the one that it is compared with.
        ask: what is not known in numbers.
    """

    def __init__(self, known: Known, selection: Selection, ask: Ask) -> None:
        self._known = known
        self._selection = selection
        self.ask = ask
        self.now = Span(known, selection.since, selection.until)
        self.before = Span(known, selection.before, selection.before_until)

    @cached_property
    def clock(self) -> Clock:
        """Of both."""
        return Clock(self._selection)

    @cached_property
    def dead_letters(self) -> list[tuple[str, int]]:
        """How many were received in it, by reason."""
        return self.ask(statement("dead_letters"), self._selection.values())

    @cached_property
    def pages(self) -> Array:
        """Whether each page is looked at in one of the periods, or after it by who came in it."""
        rows = slice(self.before.rows.start, self._end())
        seen = np.zeros(len(self._known.pages.tabs), bool)
        seen[self._known.pageviews.page[rows]] = True
        return seen

    def _end(self) -> int:
        ended = int(self._known.sessions.seen[self.now.began].max(initial=self.now.until))
        return int(np.searchsorted(self._known.pageviews.started, ended, "right"))
