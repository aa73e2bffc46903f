"""The panel of the ways that sessions go, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dwell.warehouse.panels.columns.counting import Array, percent, quantiles, seconds
from dwell.warehouse.panels.columns.looked import Chosen, Rows
from dwell.warehouse.panels.columns.reading import NEVER


def funnel(chosen: Chosen, told: Mapping[str, Any]) -> Rows:
    """See `funnel.sql`; `told` has its `views`."""
    rows: Rows = []
    for step, (name, gaps) in enumerate(_taken(chosen, told["views"]), 1):
        many = len(gaps)
        first, before = (rows[0][2], rows[-1][2]) if rows else (many, 0)
        [[median]] = quantiles(np.zeros(many, np.int8), 1, gaps, 0.5) if rows else [[None]]
        rows.append(
            (step, name, many, percent(many, first), percent(many, before), seconds(median))
        )
    return rows


def _taken(chosen: Chosen, views: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """Each step with the milliseconds since the one before of every session that took it."""
    known = chosen.known
    numbers = {name: number for number, name in enumerate(known.views)}
    taken = np.full(len(known.sessions.started), NEVER)
    taken[chosen.now.sessions] = -1
    for name in views:
        now = _first_after(taken, chosen, numbers.get(name, -1))
        came = np.flatnonzero(now < NEVER)
        yield name, now[came] - taken[came]
        taken = now


def _first_after(taken: Array, chosen: Chosen, view: int) -> Array:
    """When the first pageview of a view began in each session after that moment."""
    begin, pageviews = chosen.period.now.rows.start, chosen.known.pageviews
    rows = np.flatnonzero(pageviews.view[begin:] == view) + begin
    session, started = pageviews.session[rows], pageviews.started[rows]
    is_later = started > taken[session]
    found = np.full(len(taken), NEVER)
    found[session[is_later][::-1]] = started[is_later][::-1]  # of several the first stays
    return found
