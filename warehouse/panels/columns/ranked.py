"""The panels that tell of each view, path, browser, system and device."""

import numpy as np

from dwell.warehouse.panels.columns.counting import (
    Array,
    counted,
    different,
    percent,
    quantiles,
    rounded,
    seconds,
    summed,
)
from dwell.warehouse.panels.columns.known import Names
from dwell.warehouse.panels.columns.looked import Chosen, Rows

BOUNDS = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Seconds with which the classes of a distribution begin."""
PAGES = 100
CHOICES = 200


def views(chosen: Chosen) -> Rows:
    """See `views.sql`."""
    looked, names = chosen.now, chosen.known.views
    many = len(names)
    medians, p90s = quantiles(looked.view, many, looked.ms, 0.5, 0.9)
    columns = zip(
        names,
        counted(looked.view, many).tolist(),
        different(looked.view, many, looked.visitor, chosen.known.visitors).tolist(),
        medians,
        p90s,
        summed(looked.view, many, looked.ms).tolist(),
        strict=True,
    )
    rows = [
        (
            name,
            pageviews,
            visitors,
            seconds(median),
            _mean(total, pageviews),
            seconds(p90),
            total / 1000,
        )
        for name, pageviews, visitors, median, p90, total in columns
        if pageviews
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _mean(ms: float, rows: int) -> float:
    return rounded(ms / 1000 / rows, 3)


def view_distribution(chosen: Chosen) -> Rows:
    """See `view_distribution.sql`."""
    looked, names, classes = chosen.now, chosen.known.views, len(BOUNDS)
    fallen = np.searchsorted(1000 * np.array(BOUNDS), looked.ms, "right") - 1
    cell = looked.view.astype(np.int64) * classes + fallen
    found = counted(cell, len(names) * classes).reshape(len(names), classes).tolist()
    belows = [*BOUNDS[1:], None]
    return [
        (name, at_least, below, pageviews, percent(pageviews, sum(row)))
        for name, row in zip(names, found, strict=True)
        if any(row)
        for at_least, below, pageviews in zip(BOUNDS, belows, row, strict=True)
    ]


def pages(chosen: Chosen) -> Rows:
    """See `pages.sql`."""
    looked, paths = chosen.now, chosen.known.pages.path
    path = paths.of[looked.page]
    counts = counted(path, len(paths.names))
    # The numbers of paths are in the order of their names.
    often = np.argsort(-counts, kind="stable")[:PAGES]
    often = often[counts[often] > 0]
    place = np.full(len(paths.names), -1, np.int32)
    place[often] = np.arange(len(often))
    group = place[path]
    is_often = group >= 0
    group, ms, visitor = group[is_often], looked.ms[is_often], looked.visitor[is_often]
    [medians] = quantiles(group, len(often), ms, 0.5)
    columns = zip(
        often.tolist(),
        counts[often].tolist(),
        different(group, len(often), visitor, chosen.known.visitors).tolist(),
        medians,
        summed(group, len(often), ms).tolist(),
        strict=True,
    )
    return [
        (
            paths.names[number],
            pageviews,
            visitors,
            seconds(median),
            _mean(total, pageviews),
            total / 1000,
        )
        for number, pageviews, visitors, median, total in columns
    ]


def choices(chosen: Chosen) -> Rows:
    """See `asking/choices.sql`."""
    looked, known = chosen.now, chosen.known
    agent = known.sessions.agent[looked.session]
    found = {
        "browser": (known.agents.browser.names, known.agents.browser.of[agent]),
        "device": (known.agents.device.names, known.agents.device.of[agent]),
        "path": (known.pages.path.names, known.pages.path.of[looked.page]),
        "system": (known.agents.system.names, known.agents.system.of[agent]),
        "view": (known.views, looked.view),
    }
    return [
        (name, value)
        for name, (names, of) in found.items()
        for _, value in _most(names, counted(of, len(names)))
    ]


def _most(names: list[str], counts: Array) -> list[tuple[int, str]]:
    often = [(-many, name) for name, many in zip(names, counts.tolist(), strict=True)]
    return sorted(each for each in often if each[0] and each[1])[:CHOICES]


def browsers(chosen: Chosen) -> Rows:
    """See `browsers.sql`."""
    return _seen_with(chosen, chosen.known.agents.browser)


def systems(chosen: Chosen) -> Rows:
    """See `systems.sql`."""
    return _seen_with(chosen, chosen.known.agents.system)


def devices(chosen: Chosen) -> Rows:
    """See `devices.sql`."""
    return _seen_with(chosen, chosen.known.agents.device)


def _seen_with(chosen: Chosen, part: Names) -> Rows:
    looked, many = chosen.now, len(part.names)
    agent = chosen.known.sessions.agent
    with_it, came = part.of[agent[looked.session]], part.of[agent[looked.sessions]]
    [medians] = quantiles(with_it, many, looked.ms, 0.5)
    columns = zip(
        part.names,
        different(came, many, looked.came, chosen.known.visitors).tolist(),
        counted(came, many).tolist(),
        counted(with_it, many).tolist(),
        medians,
        strict=True,
    )
    rows = [(*figures, seconds(median)) for *figures, median in columns if figures[3]]
    return sorted(rows, key=lambda row: (-row[1], -row[3], row[0]))
