"""What is looked at of a period: the rows of a selection."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dwell.warehouse.panels.columns.counting import Array
from dwell.warehouse.panels.columns.known import Agents, Known
from dwell.warehouse.panels.columns.period import Period, Span
from dwell.warehouse.panels.selection import Selection

Mask = NDArray[np.bool_]
Rows = list[tuple[Any, ...]]
"""Of an answer."""


class Looked:
    """The chosen pageviews of a span of time and the sessions that began in it, as rows.

    Attributes:
        sessions: for each session, whether it began in the span and counts.
    """

    def __init__(self, known: Known, span: Span, selection: Selection, visitors: Mask) -> None:
        self._known = known
        self._span = span
        self._view = None if selection.view is None else _place(known.views, selection.view)
        self._pages = None if selection.path is None else _pages_of(known, selection.path)
        self._visitors = visitors

    @cached_property
    def rows(self) -> Array:
        """Of pageviews, in order."""
        rows, pageviews = self._span.rows, self._known.pageviews
        chosen = self._visitors[pageviews.session[rows]]
        if self._view is not None:
            chosen &= pageviews.view[rows] == self._view
        if self._pages is not None:
            chosen &= self._pages[pageviews.page[rows]]
        return np.flatnonzero(chosen) + rows.start

    @cached_property
    def sessions(self) -> Array:
        """Of sessions that began in the span; if a view or a path is selected, those that have a chosen
        pageview in it."""
        came = self._span.began & self._visitors
        if self._view is not None or self._pages is not None:
            looked = np.zeros(len(came), bool)
            looked[self.session] = True
            came &= looked
        return np.flatnonzero(came)

    def is_chosen(self, rows: Array) -> Mask:
        """Whether each of those pageviews would be, in the span and by whoever it is."""
        pageviews = self._known.pageviews
        chosen: Mask = (rows >= self._span.rows.start) & (rows < self._span.rows.stop)
        if self._view is not None:
            chosen &= pageviews.view[rows] == self._view
        if self._pages is not None:
            chosen &= self._pages[pageviews.page[rows]]
        return chosen

    @cached_property
    def session(self) -> Array:
        """Of each chosen pageview."""
        return self._known.pageviews.session[self.rows]

    @cached_property
    def ms(self) -> Array:
        """Of engagement, of each chosen pageview."""
        return self._known.pageviews.ms[self.rows]

    @cached_property
    def view(self) -> Array:
        """Of each chosen pageview."""
        return self._known.pageviews.view[self.rows]

    @cached_property
    def page(self) -> Array:
        """Of each chosen pageview."""
        return self._known.pageviews.page[self.rows]

    @cached_property
    def started(self) -> Array:
        """Of each chosen pageview."""
        return self._known.pageviews.started[self.rows]

    @cached_property
    def visitor(self) -> Array:
        """Of each chosen pageview."""
        return self._known.sessions.visitor[self.session]

    @cached_property
    def came(self) -> Array:
        """The visitor of each session that began."""
        return self._known.sessions.visitor[self.sessions]


class Chosen:
    """A selection: what is looked at of its period, and of the one before.

    Attributes:
        agents: whether each browser agent is looked at.
    """

    def __init__(self, known: Known, period: Period, selection: Selection) -> None:
        self.known, self.period, self.selection = known, period, selection
        self.agents = agents_of(known.agents, selection)
        counts = self.agents[known.sessions.agent]
        self.now = Looked(known, period.now, selection, counts & self._come())
        self.before = Looked(known, period.before, selection, counts & self._came_before())

    @property
    def size(self) -> int:
        """How many pageviews both spans have, at most."""
        return sum(
            each.stop - each.start for each in (self.period.now.rows, self.period.before.rows)
        )

    @cached_property
    def marks(self) -> Mask:
        """Whether each pageview that is known is a chosen one of the period."""
        marks = np.zeros(len(self.known.pageviews.ms), bool)
        marks[self.now.rows] = True
        return marks

    def _come(self) -> Mask | np.bool_:
        """Whether the visitor of each session is as selected in the span in which it began."""
        period, started = self.period, self.known.sessions.started
        since = np.where(started >= period.now.since, period.now.since, period.before.since)
        return self._are_as_selected(since)

    def _came_before(self) -> Mask | np.bool_:
        return self._are_as_selected(self.period.before.since)

    def _are_as_selected(self, since: Array | int) -> Mask | np.bool_:
        """New is who came for the first time since then."""
        if self.selection.visitors == "all":
            return np.True_
        sessions = self.known.sessions
        is_new: Mask = sessions.first_at[sessions.visitor] >= since
        return is_new if self.selection.visitors == "new" else ~is_new


def agents_of(agents: Agents, selection: Selection) -> Mask:
    """Which agents are looked at."""
    chosen = np.ones(len(agents.is_bot), bool)
    if selection.bots != "include":
        chosen &= agents.is_bot == (selection.bots == "only")
    for names, wanted in ((agents.browser, selection.browser), (agents.system, selection.system)):
        if wanted is not None:
            chosen &= np.isin(
                names.of,
                [n for n, name in enumerate(names.names) if name.lower() == wanted.lower()],
            )
    if selection.device is not None:
        chosen &= agents.device.of == _place(agents.device.names, selection.device)
    return chosen


def _place(names: list[str], wanted: str) -> int:
    return names.index(wanted) if wanted in names else -1


def _pages_of(known: Known, path: str) -> Mask:
    chosen: Mask = known.pages.path.of == _place(known.pages.path.names, path)
    return chosen
