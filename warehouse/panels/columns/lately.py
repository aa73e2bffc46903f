"""The panel of who is here now, counted from the pageviews that were seen lately."""

from datetime import datetime, timedelta

import duckdb
import numpy as np

from dwell.warehouse.panels.columns.counting import Array, counted, different
from dwell.warehouse.panels.columns.known import Agents, Names
from dwell.warehouse.panels.columns.looked import Mask, Rows, agents_of
from dwell.warehouse.panels.columns.reading import statement, told
from dwell.warehouse.panels.selection import Selection

LATELY = timedelta(minutes=30)
NOW = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
MOST = 50_000
"""Pageviews; of more, DuckDB is asked."""
EPOCH = datetime(1970, 1, 1)

TYPES = ("VARCHAR", "TIMESTAMP", "VARCHAR", "BIGINT", "BIGINT", "BIGINT")


class Lately:
    """The pageviews that were seen in the half hour before a moment, and after it.

    Attributes:
        since: when that half hour begins, in UTC without a zone.
        is_whole: whether there are few enough.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, now: datetime) -> None:
        self.since = now - LATELY
        found = told(
            cursor, statement("lately"), {"since": self.since, "most": MOST + 1}
        ).fetchnumpy()
        self.is_whole = len(found["seen"]) <= MOST
        self._view, self._path, browser, system, device = (
            Names.given(found[name].tolist())
            for name in ("view_name", "path", "browser", "system", "device")
        )
        self._agents = Agents(browser, system, device, found["is_bot"])
        self._visitor, self._session = (
            np.unique(found[name], return_inverse=True)[1] for name in ("visitor", "session")
        )
        self._started, self._seen = found["started"], found["seen"]

    def answer(self, selection: Selection, now: datetime) -> Rows:
        """See `live.sql`; `now` is no earlier than the moment that it was read for."""
        chosen = self._chosen(selection) & self._seen_in(now - LATELY, now, inclusive=True)
        here = chosen & self._seen_in(now - NOW, now, inclusive=True)
        minutes = [now - minutes * MINUTE for minutes in range(30, 0, -1)]
        return [
            ("now", now - NOW, None, *self._counts(here)),
            *self._views(here, now - NOW),
            *(
                ("minute", at, None, *self._counts(chosen & self._seen_in(at, at + MINUTE)))
                for at in minutes
            ),
        ]

    def _views(self, here: Mask, since: datetime) -> Rows:
        names, view = self._view.names, self._view.of[here]
        visitors, sessions = (
            different(view, len(names), each[here], len(each)).tolist()
            for each in (self._visitor, self._session)
        )
        rows = [
            ("view", since, *figures)
            for figures in zip(
                names, visitors, sessions, counted(view, len(names)).tolist(), strict=True
            )
            if figures[3]
        ]
        return sorted(rows, key=lambda row: (-row[5], row[2]))

    def _counts(self, rows: Mask) -> tuple[int, int, int]:
        visitor, session = self._visitor[rows], self._session[rows]
        return len(np.unique(visitor)), len(np.unique(session)), len(visitor)

    def _seen_in(self, since: datetime, until: datetime, *, inclusive: bool = False) -> Mask:
        """Whether each could be seen from one moment until before another, or until then."""
        begun: Array = self._started <= _us(until) if inclusive else self._started < _us(until)
        seen: Mask = begun & (self._seen >= _us(since))
        return seen

    def _chosen(self, selection: Selection) -> Mask:
        chosen = agents_of(self._agents, selection)
        for names, wanted in ((self._view, selection.view), (self._path, selection.path)):
            if wanted is not None:
                chosen &= names.of == (names.names.index(wanted) if wanted in names.names else -1)
        return chosen


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
