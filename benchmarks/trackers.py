"""Dwell beside other trackers: seconds told against the truth, and what each costs a page."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import click
from rich.table import Table

from benchmarks.devtools import devtools_of
from benchmarks.looks import SCENARIOS, Visitor, visitor_of
from benchmarks.npm import VERSIONS, NoPackages, bring
from benchmarks.rivals import DWELL, RIVALS, WEB_VITALS, Tracker
from benchmarks.stands import Stand, stand_of
from benchmarks.traces import work_of

NAME = "trackers"

MINUTES = 6
"""A run at real length: it is not among those that run unasked."""

SETTLES = 4.0
"""Seconds that a tracker has after the visit to tell the rest."""
APART = 0.7
"""Seconds from one visitor's beginning to the next one's."""
LOADING = 2.0
"""Seconds from the start of its script that are called its load."""
READING = 60.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Told:
    """What a tracker told of one visit.

    Attributes:
        truth: the middle of its bounds, pageview by pageview.
        right: whether the seconds are.
    """

    seconds: tuple[float | None, ...]
    truth: tuple[float, ...]
    right: bool


@dataclass(frozen=True)
class Cost:
    """What a tracker takes of a page that is read for a minute.

    Attributes:
        load, minute: milliseconds of the main thread's processor time.
        sent: bytes of the requests' bodies.
    """

    load: float
    minute: float
    requests: int
    sent: int


def run(times: int) -> Iterable[Table]:
    """Seconds told by Dwell, Plausible, PostHog, Snowplow and TimeMe, in ten scenarios, and costs."""
    try:
        bring()
    except NoPackages as error:
        click.echo(f"without other trackers: {error}", err=True)
        return
    visits: dict[tuple[str, str], list[Told]] = defaultdict(list)
    costs: dict[str, list[Cost]] = defaultdict(list)
    with ExitStack() as stack:
        timed = [stack.enter_context(stand_of(each)) for each in (DWELL, *RIVALS)]
        stands = [*timed, stack.enter_context(stand_of(WEB_VITALS))]
        for number in range(times):
            for scenario in SCENARIOS:
                click.echo(f"  run {number + 1}: {scenario}", err=True)
                for stand, one in zip(timed, side_by_side(visit(scenario), timed), strict=True):
                    visits[scenario, stand.tracker.name].append(one)
            click.echo(f"  run {number + 1}: a minute's reading", err=True)
            for stand, cost in zip(stands, side_by_side(read, stands), strict=True):
                costs[stand.tracker.name].append(cost)
        yield accuracy([stand.tracker for stand in timed], visits)
        yield price(stands, costs)


def side_by_side(act: Callable[[Stand, Visitor], Result], stands: list[Stand]) -> list[Result]:
    """The same on every stand, each with a browser of its own: all meet the same conditions, and
    none takes the focus from another. They begin one after the other, so that pages load alone."""
    with ExitStack() as stack:
        visitors = [stack.enter_context(visitor_of(stand.origin)) for stand in stands]

        def begin(place: int) -> Result:
            time.sleep(place * APART)
            stands[place].bodies.clear()
            return act(stands[place], visitors[place])

        with ThreadPoolExecutor(len(stands)) as pool:
            return list(pool.map(begin, range(len(stands))))


def visit(scenario: str) -> Callable[[Stand, Visitor], Told]:
    """A visit by that scenario."""

    def act(stand: Stand, visitor: Visitor) -> Told:
        truths = SCENARIOS[scenario].act(visitor)
        time.sleep(SETTLES)
        seconds = tuple(stand.seconds)
        truth = tuple((each.least + each.most) / 2 for each in truths)
        return Told(seconds, truth, SCENARIOS[scenario].is_right(seconds, truths))

    return act


def read(stand: Stand, visitor: Visitor, seconds: float = READING) -> Cost:
    """A first visit of so many seconds, traced."""
    with devtools_of(visitor.browser) as devtools:
        with devtools.tracing() as trace:
            visitor.opens("/page_a")
            visitor.looks(seconds)
        visitor.browser.close()
        time.sleep(SETTLES)
    work = work_of(stand.script, trace)
    began = next(each.at for each in work if each.evaluating)
    load = [each.milliseconds for each in work if each.at < began + LOADING]
    rest = [each.milliseconds for each in work if each.at >= began + LOADING]
    minute = sum(rest) * 60 / (seconds - LOADING)
    return Cost(sum(load), minute, len(stand.bodies), sum(map(len, stand.bodies)))


def accuracy(trackers: list[Tracker], visits: dict[tuple[str, str], list[Told]]) -> Table:
    """Scenario by scenario, what each tracker told."""
    table = Table("seconds told", box=None, pad_edge=False)
    for heading in ("truth", *(tracker.name for tracker in trackers)):
        table.add_column(heading, justify="right")
    table.add_row("[dim]what it means to tell", "", *(f"[dim]{each.aim}" for each in trackers))
    for scenario in SCENARIOS:
        mine = [visits[scenario, tracker.name] for tracker in trackers]
        truths = [one.truth for several in mine for one in several]
        table.add_row(scenario, " + ".join(middles(truths)), *map(cell, mine))
    table.caption = (
        "= right in every run: each pageview, within 0.25 s; 2 s less after the crash and 3 s more "
        "after the sleep are right too"
    )
    return table


def cell(several: list[Told]) -> str:
    """The medians of all runs, pageview by pageview, with least and most where they differ."""
    shapes = {len(one.seconds) for one in several}
    if len(shapes) > 1:
        return " or ".join(sorted({" + ".join(words(one.seconds)) or "none" for one in several}))
    text = " + ".join(middles([one.seconds for one in several])) or "none"
    return f"{text} =" if all(one.right for one in several) else text


def words(seconds: Iterable[float | None]) -> Iterator[str]:
    """Each pageview's seconds; `none` where nothing was told."""
    for each in seconds:
        yield "none" if each is None else f"{each:.1f}"


def middles(rows: list[tuple[float | None, ...]] | list[tuple[float, ...]]) -> Iterator[str]:
    """The median of each place, and least to most where they are more than 0.2 apart."""
    for values in zip(*rows, strict=True):
        known = sorted(value for value in values if value is not None)
        if len(known) < len(values):
            yield "none" if not known else f"{median(known):.1f} or none"
        elif known[-1] - known[0] > 0.2:
            yield f"{median(known):.1f} ({known[0]:.1f}–{known[-1]:.1f})"
        else:
            yield f"{median(known):.1f}"


def price(stands: list[Stand], costs: dict[str, list[Cost]]) -> Table:
    """What each tracker costs."""
    table = Table("a first visit, read for a minute", "version", box=None, pad_edge=False)
    for heading in ("script, gzip", "requests", "their bodies", "bytes in all"):
        table.add_column(heading, justify="right")
    for heading in ("main thread at load", "main thread a minute"):
        table.add_column(heading, justify="right")
    for stand in stands:
        mine = costs[stand.tracker.name]
        sent = median(cost.sent for cost in mine)
        table.add_row(
            stand.tracker.name,
            VERSIONS.get(stand.tracker.package, ""),
            f"{stand.weight:,} B",
            f"{median(cost.requests for cost in mine):.0f}",
            f"{sent:,.0f} B",
            f"{stand.weight + sent:,.0f} B",
            *(spread([getattr(cost, what) for cost in mine]) for what in ("load", "minute")),
        )
    table.caption = "main thread: processor time in the script and what it calls, traced"
    return table


def spread(milliseconds: list[float]) -> str:
    """Median, and least to most of several."""
    text = f"{median(milliseconds):.1f} ms"
    if len(milliseconds) > 1:
        text += f" ({min(milliseconds):.1f}–{max(milliseconds):.1f})"
    return text
