"""The site's pages and the projector's lag while ten dashboards are open, and while none is.

Ten Chromiums on two cores would measure Chromium. So one of the ten is open in a real one, and nine are
clients that ask what that one is seen to ask, by the rule it asks by, over as many connections, compressed
as a browser takes it: see `benchmarks.watchers`. They take processor time from the two cores that everything
here shares, only as far as nobody else wants it, as all that watches is elsewhere in truth.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import Chrome

from benchmarks.audience import YEAR, kept
from benchmarks.beside import COMMITS, LOOK_EVERY, Moments, sampled
from benchmarks.dashboard import new_browser, opened
from benchmarks.filled import CACHE
from benchmarks.page_latency import PATHS, SHARES, Visitor
from benchmarks.panels import SMALL
from benchmarks.processes import meanwhile, started, tree, used_by
from benchmarks.rows import Row, quantile
from benchmarks.sites import running_dashboard, running_site
from benchmarks.watchers import HEADLINE, Habits, Shown
from benchmarks.web_vitals import in_a_new_tab, new_tab
from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.warehouse.panels import Board
from tests.support.running import wait_until

NAME = "watching"
MINUTES = 6

DASHBOARDS = 10
FACTS = 2_000
"""A second."""
VISITORS = 1_000_000
"""More than will be here before the end."""
PAGES = 200
"""A second, one after the other."""
BLOCK = 8.0
SETTLES = 4.0
"""Seconds: of a block, and before it, when dashboards have been opened or closed."""
OPENS = 10.0
"""Seconds before that within which they have been."""
WARMS = 15.0
NONE, TEN = "none open", "ten open"
BLOCKS = (NONE, TEN, TEN, NONE) * 4
"""Many and short, so that what else the machine does is in both alike. Each block is compared with its
neighbour of the other kind, and for the noise of it with that of its own kind."""

COMMITTED, PUBLISHED, SHOWN = "lag, committed", "lag, published", "age of what a dashboard shows"
HABITS, LINES, PAGES_SEEN = "habits.json", "shown.jsonl", "pages.jsonl"
"""What the processes read and write, in the data folder."""
GIVING_WAY = ("chrt", "--idle", "0")
"""How clients run that have a machine of their own elsewhere."""
LIVE = "/panels.ndjson?panels=live"
ASKED = "return performance.getEntriesByType('resource').map(({name}) => name)"

Figures = dict[str, float]


@dataclass
class Block:
    """A stretch of time in which nothing opens or closes.

    Attributes:
        used: processor seconds of each process, by its name.
    """

    since: float
    until: float
    used: Figures


@dataclass
class Noted:
    """What happened in the run.

    Attributes:
        pages: when each page was there, and how many seconds it took.
        received, committed, published: how far the facts had come by when.
        offsets: of each publication by its identity.
        shown: by the dashboards that are clients.
    """

    pages: list[tuple[float, float]] = field(default_factory=list)
    received: Moments = field(default_factory=list)
    committed: Moments = field(default_factory=list)
    published: Moments = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)


def run(times: int) -> Iterable[Row]:
    """Page latency and lag at 2,000 facts/s on 1M pageviews, with ten dashboards open and with none."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(times):
        for state, several in once().items():
            for each in several:
                for what, value in each.items():
                    figures[state, what].append(value)
    yield from rows(figures)


def rows(figures: Mapping[tuple[str, str], list[float]]) -> Iterator[Row]:
    """Each measure without and with them; of pages also the ratios of neighbours."""
    for what in dict.fromkeys(what for _, what in figures):
        against = None
        for state in (NONE, TEN):
            if (state, what) in figures:
                values, aim = figures[state, what], _aim(state, what)
                is_page = what.startswith("a page")
                yield Row(f"{state}: {what}", unit_of(what), values, against, aim)
                against = Row(f"{state}: {what}", unit_of(what), values) if is_page else None
        if what.startswith("a page"):
            none, ten = figures[NONE, what], figures[TEN, what]
            yield Row(f"ten open against none: {what}", "x", ratios(ten, none))
            yield Row(f"none open against itself: {what}", "x", ratios(none[2::2], none[1::2]))


def ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    """Of each to its neighbour, as far as there are both."""
    return [one / other for one, other in zip(some, others, strict=False)]


def unit_of(what: str) -> str:
    """Of a measure."""
    units = {"a page": "µs", "processor": "ms/s", "facts": "1/s", "asked": "1/min"}
    return next((unit for start, unit in units.items() if what.startswith(start)), "s")


def _aim(state: str, what: str) -> str:
    if what == "facts":
        return f"{FACTS:,}, or the machine had no time for this"
    if state == NONE:
        return ""
    if what.startswith("a page"):
        return "ratio at most 1.02"
    return "under 5" if what.startswith("lag") and what.endswith("most") else ""


def once() -> dict[str, list[Figures]]:
    """Every measure of each block, by whether dashboards were open."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        settings = Settings.read({"data": folder}, environ={})
        settings.live.mkdir(parents=True)
        shutil.copyfile(kept(SMALL, YEAR[1]), settings.warehouse)
        blocks, noted = Stage(settings).played()
    found = [figures_of(block, noted, state) for block, state in zip(blocks, BLOCKS, strict=True)]
    return {
        state: [each for each, kind in zip(found, BLOCKS, strict=True) if kind == state]
        for state in (NONE, TEN)
    }


class Stage:
    """A site with visitors, its projector and its dashboard, each a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._noted = Noted()

    def played(self) -> tuple[list[Block], Noted]:
        """All blocks, and what was noted meanwhile."""
        data = self._settings.data
        with ExitStack() as stack:
            site = stack.enter_context(running_site(data))
            projector = stack.enter_context(started(data, "benchmarks.beside", str(data)))
            wait_until(self._settings.published.exists, 60)
            dashboard = stack.enter_context(running_dashboard(data))
            url = f"http://127.0.0.1:{site.port}{self._settings.prefix}/facts"
            load = ("--rate", str(FACTS), "--visitors", str(VISITORS), "--url", url)
            simulation = started(data, "dwell.cli", "simulate", *load, said=subprocess.DEVNULL)
            visitors = stack.enter_context(simulation)
            stack.enter_context(started(data, "benchmarks.watching", str(site.port), str(data)))
            stack.enter_context(meanwhile(self._look))
            browser = stack.enter_context(new_browser())
            give_way(browser.service.process.pid)
            time.sleep(WARMS)
            origin = f"http://127.0.0.1:{dashboard.port}"
            habits = in_a_new_tab(browser, partial(seen, browser, origin))
            habits.write(data / HABITS)
            pids = {
                "site": site.process.pid,
                "projector": projector.pid,
                "dashboard": dashboard.process.pid,
                "the simulation": visitors.pid,
                "one browser that watches": browser.service.process.pid,
            }
            blocks = []
            for state in BLOCKS:
                with self._open(state, browser, habits):
                    time.sleep(SETTLES)
                    blocks.append(block(pids))
        self._read()
        return blocks, self._noted

    @contextmanager
    def _open(self, state: str, browser: Chrome, habits: Habits) -> Iterator[None]:
        """So many dashboards are open for the time of a `with`."""
        if state == NONE:
            yield
            return
        data = self._settings.data
        with (
            started(
                data,
                "benchmarks.watchers",
                str(data / HABITS),
                str(data / LINES),
                before=GIVING_WAY,
            ),
            new_tab(browser),
        ):
            opened(browser, habits.origin)
            yield

    def _look(self, ended: threading.Event) -> None:
        """Note each publication and what it holds."""
        known = 0
        with closing(Board(self._settings.published)) as board:
            while not ended.wait(LOOK_EVERY):
                now, file = time.time(), self._settings.published.stat().st_ino
                if file != known:
                    known, publication = file, board.publication()
                    offset = publication.positions.get(0, 0)
                    self._noted.published.append((now, offset))
                    self._noted.offsets[publication.identity] = offset

    def _read(self) -> None:
        """What the processes have written."""
        data, noted = self._settings.data, self._noted
        noted.pages = [(moment, took) for moment, took in lines_of(data / PAGES_SEEN)]
        noted.committed = [(moment, offset) for moment, offset in lines_of(data / COMMITS)]
        noted.shown = [Shown(*line) for line in lines_of(data / LINES)]
        noted.received = asyncio.run(received(self._settings))


def give_way(pid: int) -> None:
    """Have a process, and all that it has started and will start, run as `GIVING_WAY`."""
    for each in tree(pid):
        for task in Path(f"/proc/{each}/task").iterdir():
            os.sched_setscheduler(int(task.name), os.SCHED_IDLE, os.sched_param(0))


def seen(browser: Chrome, origin: str) -> Habits:
    """What a page of the dashboard asks for in a browser, when it is opened and once more."""
    opened(browser, origin)
    opening = ["/", *asked(browser)]
    browser.execute_script("performance.clearResourceTimings()")
    wait_until(lambda: any(HEADLINE in path for path in asked(browser)), 120)
    time.sleep(2)  # all that it asks for then is asked at once
    return Habits(origin, DASHBOARDS - 1, opening, asked(browser), LIVE)


def asked(browser: Chrome) -> list[str]:
    """The paths with their queries that a page asked for, once each."""
    parts = map(urlsplit, browser.execute_script(ASKED))
    return list(dict.fromkeys(f"{each.path}?{each.query}".rstrip("?") for each in parts))


def block(pids: Mapping[str, int]) -> Block:
    """A block that begins now."""
    before = {name: used_by(pid) for name, pid in pids.items()}
    since = time.time()
    time.sleep(BLOCK)
    used = {name: used_by(pid) - before[name] for name, pid in pids.items()}
    return Block(since, time.time(), used)


def figures_of(block: Block, noted: Noted, state: str) -> Figures:
    """The measures of one block."""
    seconds = block.until - block.since
    took = [took for moment, took in noted.pages if block.since <= moment < block.until]
    found = {f"a page, {name}": 1e6 * quantile(took, share) for name, share in SHARES.items()}
    came = sum(block.since <= moment < block.until for moment, _ in noted.received)
    found["facts"] = came / seconds
    for what, moments in ((COMMITTED, noted.committed), (PUBLISHED, noted.published)):
        lags = sampled(noted.received, moments, block.since, block.until)
        found |= {f"{what}, median": median(lags), f"{what}, most": max(lags)}
    for name, used in block.used.items():
        found[f"processor, {name}"] = 1000 * used / seconds
    return found | (watched(block, noted) if state == TEN else {})


def watched(block: Block, noted: Noted) -> Figures:
    """What the dashboards showed that are clients, and how often and how long they asked."""
    since = block.since - SETTLES - OPENS
    opened = [each for each in noted.shown if since <= each.moment < block.until]
    pages: dict[int, Moments] = defaultdict(list)
    for each in opened:
        if each.publication in noted.offsets:
            pages[each.page].append((each.moment, noted.offsets[each.publication]))
    ages = [
        age
        for moments in pages.values()
        for age in sampled(noted.received, moments, block.since, block.until)
    ]
    again = sum(block.since <= each.moment for each in opened)
    return {
        f"{SHOWN}, median": median(ages),
        f"{SHOWN}, most": max(ages),
        "asked again by each": 60 * again / len(pages) / (block.until - block.since),
        "one time of asking": median(each.seconds for each in opened),
    }


def lines_of(file: Path) -> Iterator[Any]:
    """What each line of a file says; the last one may have been cut off."""
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


async def received(settings: Settings) -> Moments:
    """When each fact of the log was received, with the offset after it."""
    reader = open_reader(settings)
    try:
        end = await reader.end(0)
        await reader.assign({0: await reader.start(0)})
        found: Moments = []
        while not found or found[-1][1] < end:
            for batch in await reader.read(50_000, 1):
                moments = (moment / 1000 for moment in batch.timestamps)
                found += zip(moments, (offset + 1 for offset in batch.offsets), strict=True)
        return found
    finally:
        await reader.close()


def visit_pages(port: int, file: Path) -> None:
    """Ask for so many pages a second until the process is ended, and write down how long each took."""
    visitor = Visitor(port)
    due = time.monotonic()
    with file.open("w", buffering=1) as lines:
        for path in cycle(PATHS):
            due = max(due + 1 / PAGES, time.monotonic())
            time.sleep(max(0, due - time.monotonic()))
            took = visitor.views(path)
            lines.write(json.dumps([time.time(), took]) + "\n")


if __name__ == "__main__":
    visit_pages(int(sys.argv[1]), Path(sys.argv[2]) / PAGES_SEEN)
