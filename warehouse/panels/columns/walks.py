"""The panels of ways: into the site, from view to view, and out of it."""

import numpy as np

from dwell.warehouse.panels.columns.counting import Array, counted, different, percent, summed
from dwell.warehouse.panels.columns.looked import Chosen, Rows

HOSTS = 100


def transitions(chosen: Chosen) -> Rows:
    """See `transitions.sql`. A view beside the last stands for none."""
    names, walk = chosen.known.views, _Walk(chosen)
    none, many = len(names), len(names) + 1
    row, next_view = _followed(chosen)
    view = chosen.known.pageviews.view
    is_last = chosen.marks.copy()
    is_last[row] = False
    last = np.flatnonzero(is_last)
    here = np.concatenate([view[row], np.full(len(walk.entered), none), view[last]]).astype(
        np.int64
    )
    there = np.concatenate([next_view, walk.entered, np.full(len(last), none)])
    pairs, times = np.unique(here * many + there, return_counts=True)
    of_view = counted(here, many).tolist()
    told = [*names, None]
    rows: Rows = [
        (told[pair // many], told[pair % many], often, percent(often, of_view[pair // many]))
        for pair, often in zip(pairs.tolist(), times.tolist(), strict=True)
    ]
    return sorted(
        rows, key=lambda each: (each[0] is not None, each[0], -each[2], each[1] is None, each[1])
    )


def _followed(chosen: Chosen) -> tuple[Array, Array]:
    """The rows of chosen pageviews that another one followed, and its view."""
    following = chosen.known.following.get()
    is_it = chosen.marks[following.row]
    return following.row[is_it], following.view[is_it]


class _Walk:
    """The sessions that began, as they were walked through.

    Attributes:
        entry: the view of the first pageview.
        exit: of the last.
        entered: the views of first pageviews that are chosen themselves.
    """

    def __init__(self, chosen: Chosen) -> None:
        walks, view = chosen.known.walks, chosen.known.pageviews.view
        self.sessions = chosen.now.sessions[walks.pageviews[chosen.now.sessions] > 0]
        first, last = walks.first[self.sessions], walks.last[self.sessions]
        self.entry, self.exit = view[first], view[last]
        self.pageviews = walks.pageviews[self.sessions]
        self.entered = self.entry[chosen.now.is_chosen(first)]


def entries_and_exits(chosen: Chosen) -> Rows:
    """See `entries_and_exits.sql`."""
    names, walk = chosen.known.views, _Walk(chosen)
    entries, exits, bounces = (
        counted(each, len(names)).tolist()
        for each in (walk.entry, walk.exit, walk.entry[walk.pageviews == 1])
    )
    all_entries, all_exits = sum(entries), sum(exits)
    rows = [
        (
            *(name, entry, left, bounce),
            *(percent(entry, all_entries), percent(left, all_exits), percent(bounce, entry)),
        )
        for name, entry, left, bounce in zip(names, entries, exits, bounces, strict=True)
        if entry or left
    ]
    return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))


def referrers(chosen: Chosen) -> Rows:
    """See `referrers.sql`."""
    hosts, walk = chosen.known.hosts, _Walk(chosen)
    many = len(hosts.names)
    host = hosts.of[chosen.known.walks.referrer[walk.sessions]]
    visitor = chosen.known.sessions.visitor[walk.sessions]
    columns = zip(
        hosts.names,
        different(host, many, visitor, chosen.known.visitors).tolist(),
        counted(host, many).tolist(),
        map(int, summed(host, many, walk.pageviews)),
        strict=True,
    )
    rows = [row for row in columns if row[2]]
    return sorted(rows, key=lambda row: (-row[1], -row[3], row[0]))[:HOSTS]
