"""What the beacon takes of a page's main thread: at load, and each second afterwards."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from selenium.webdriver import Chrome

from benchmarks.devtools import DevTools, Event, devtools_of
from benchmarks.rows import Row
from benchmarks.sites import running_site
from benchmarks.traces import Work, work_of
from tests.support.browsers import open_browser

NAME = "beacon-cost"

SCRIPT = "/dwell/beacon"
LOADS = 8
"""Of each kind in a run; their median is the run's figure."""
SETTLED = 0.7
"""Seconds after which the beacon has stated its first fact; its next look is not due yet."""
SECONDS = 4
"""How long the page is watched afterwards; the first checkpoint is not among them."""

FIRST, NEXT = "first visit, new tab", "next page, same tab"
KINDS = (FIRST, NEXT)
EVALUATING, FOLLOWING, BOTH = "running the script", "what follows", "both"
PARTS = (EVALUATING, FOLLOWING, BOTH)
QUIET = "each second afterwards"


def run(times: int) -> Iterable[Row]:
    """Processor time of the main thread in which the beacon runs, from traces of a real page."""
    figures: dict[str, list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_site(Path(folder)) as site,
        open_browser() as browser,
        devtools_of(browser) as devtools,
    ):
        pages = Pages(f"http://127.0.0.1:{site.port}", browser)
        for _ in range(times):
            for what, value in once(pages, devtools).items():
                figures[what].append(value)
    for what, values in figures.items():
        yield Row(what, "ms", values, aim="under 1" if what.endswith(BOTH) else "")


def once(
    pages: "Pages", devtools: DevTools, loads: int = LOADS, seconds: float = SECONDS
) -> dict[str, float]:
    """Every measure once: medians of so many loads of each kind, in turn."""
    with devtools.tracing() as trace:
        for _ in range(loads):
            pages.first()
            pages.next()
    seen = loads_of(trace)
    assert len(seen) == 2 * loads, f"{2 * loads} pages ran the beacon {len(seen)} times"
    figures = {
        f"{kind}: {part}": median(spent(load, part) for load in seen[place::2])
        for place, kind in enumerate(KINDS)
        for part in PARTS
    }
    with devtools.tracing() as trace:
        time.sleep(seconds)
    ran = sum(work.milliseconds for work in work_of(SCRIPT, trace))
    return figures | {QUIET: ran / seconds}


def loads_of(trace: list[Event]) -> list[list[Work]]:
    """How the beacon ran in each load, until its page had settled."""
    ran = work_of(SCRIPT, trace)
    begun = [work.at for work in ran if work.evaluating]
    return [[work for work in ran if at <= work.at < at + SETTLED] for at in begun]


def spent(load: list[Work], part: str) -> float:
    """Milliseconds of one part of a load."""
    kept = [work for work in load if part == BOTH or work.evaluating == (part == EVALUATING)]
    return sum(work.milliseconds for work in kept)


class Pages:
    """The pages of a site, looked at one after the other by one browser."""

    def __init__(self, origin: str, browser: Chrome) -> None:
        self._origin = origin
        self._browser = browser
        self._blank = browser.current_window_handle

    def first(self) -> None:
        """A page in a new tab, and so in a new process, of a browser that has nothing of the site."""
        browser = self._browser
        if browser.current_window_handle != self._blank:
            browser.close()
        browser.switch_to.window(self._blank)
        origin = {"origin": self._origin, "storageTypes": "all"}
        browser.execute_cdp_cmd("Storage.clearDataForOrigin", origin)
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        browser.switch_to.new_window("tab")
        self._look("/page_a")

    def next(self) -> None:
        """Another page in the same tab."""
        self._look("/page_b")

    def _look(self, path: str) -> None:
        self._browser.get(self._origin + path)
        time.sleep(SETTLED)
