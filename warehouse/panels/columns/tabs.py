"""The panel of tabs."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from dwell.warehouse.panels.columns.counting import (
    Array,
    counted,
    different,
    percent,
    quantiles,
    seconds,
    summed,
)
from dwell.warehouse.panels.columns.looked import Chosen, Rows

TABS = 200


@dataclass(frozen=True)
class _Tab:
    page: str
    path: str
    tab: str
    view_name: str
    pageviews: int
    sessions: int
    median: float | None
    ms: float


def tabs(chosen: Chosen) -> Rows:
    """See `tabs.sql`."""
    found = sorted(_tabs(chosen), key=lambda each: each.page)
    rows: list[tuple[_Tab, float | None]] = []
    for _, of_page in groupby(found, key=lambda each: each.page):
        several = list(of_page)
        whole = sum(each.ms for each in several)
        rows += [(each, percent(each.ms, whole)) for each in several]
    rows.sort(key=lambda row: (-row[0].pageviews, row[0].path, row[0].tab))
    told = sorted(
        rows[:TABS], key=lambda row: (row[0].page, row[0].path, row[0].tab, row[0].view_name)
    )
    return [
        (
            *(each.page, each.path, each.tab, each.view_name, each.pageviews, each.sessions),
            *(seconds(each.median), each.ms / 1000, share),
        )
        for each, share in told
    ]


def _tabs(chosen: Chosen) -> list[_Tab]:
    known, looked = chosen.known, chosen.now
    labels, label_of = _labels(chosen)
    is_it = label_of[looked.page] >= 0
    ms, session = looked.ms[is_it], looked.session[is_it].astype(np.int64)
    pairs, group = np.unique(
        label_of[looked.page[is_it]] * len(known.views) + looked.view[is_it], return_inverse=True
    )
    many, sessions = len(pairs), len(known.sessions.started)
    [medians] = quantiles(group, many, ms, 0.5)
    columns = zip(
        pairs.tolist(),
        counted(group, many).tolist(),
        different(group, many, session, sessions).tolist(),
        medians,
        summed(group, many, ms).tolist(),
        strict=True,
    )
    several = _of_several(chosen, labels, label_of)
    return [
        _Tab(
            path if path in several else _above(path),
            *(path, tab, known.views[pair % len(known.views)]),
            *figures,
        )
        for pair, *figures in columns
        for path, tab in (labels[pair // len(known.views)],)
    ]


def _labels(chosen: Chosen) -> tuple[list[tuple[str, str]], Array]:
    """The paths that have tabs, each with each of its own; and for each page the place in that list, or
    -1 if it is no tab."""
    pages = chosen.known.pages
    label_of = [
        None if tab is None else (pages.path.names[path], tab)
        for path, tab in zip(pages.path.of.tolist(), pages.tabs, strict=True)
    ]
    labels = sorted({label for label in label_of if label is not None})
    numbers = {label: number for number, label in enumerate(labels)}
    places = [-1 if label is None else numbers[label] for label in label_of]
    return labels, np.array(places, np.int64)


def _of_several(chosen: Chosen, labels: list[tuple[str, str]], label_of: Array) -> set[str]:
    """The paths that have more than one tab in these periods."""
    seen = label_of[chosen.period.pages]
    paths = Counter(labels[number][0] for number in np.unique(seen[seen >= 0]).tolist())
    return {path for path, tabs in paths.items() if tabs > 1}


def _above(path: str) -> str:
    above, slash, _ = path.rpartition("/")
    return above if slash else path
