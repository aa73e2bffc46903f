"""Core Web Vitals of the same pages with the beacon and without it, in pairs."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TypeVar

from rich.table import Table
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from benchmarks.page_latency import TRACKED
from benchmarks.pairs import Pairs
from benchmarks.sites import running_site
from tests.support.browsers import open_browser

NAME = "web-vitals"

BLOCKS = 2
"""In each run: without, with, with, without; so two pairs, and no drift favours one of them."""
SETTLED = 1.2
"""Seconds after which a page is measured: it has loaded, and the beacon has looked twice."""
INTERACTIONS = 20
PAUSE = 0.05
"""Seconds between two interactions."""

UNTRACKED = ("benchmarks.page_latency", "untracked")
COUNTED = {"timeDomain": "threadTicks"}
REPORTED = Path(__file__).with_name("web_vitals.js").read_text("utf-8")
LISTEN = """
    window.events = [];
    new PerformanceObserver((list) => events.push(...list.getEntries())).observe(
      {type: "event", durationThreshold: 16});
"""
HEARD = """
    return events.filter(({interactionId}) => interactionId).map(
      ({interactionId, duration, startTime, processingEnd}) =>
        [interactionId, duration, processingEnd - startTime]);
"""

Figures = dict[str, float]
Found = TypeVar("Found")
UNITS = {
    "TTFB": "ms",
    "FCP": "ms",
    "LCP": "ms",
    "CLS": "",
    "INP": "ms",
    "interaction, to its next frame": "ms",
    "interaction, handlers done": "ms",
    "long tasks": "",
    "blocking time": "ms",
    "main thread": "ms",
    "scripts": "ms",
    "JS heap": "kB",
}


def run(times: int) -> Iterable[Table]:
    """LCP, CLS, INP and more as Chromium reports them, with the beacon and without, in pairs."""
    seen: dict[tuple[str, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    with ExitStack() as stack:
        browser = stack.enter_context(open_browser())
        sites = []
        for command in (UNTRACKED, TRACKED):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            site = stack.enter_context(running_site(folder, command=command))
            sites.append(f"http://127.0.0.1:{site.port}")
        for _ in range(times * BLOCKS):
            for kind, load in KINDS.items():
                for place in (0, 1, 1, 0):
                    for what, value in load(browser, sites[place]).items():
                        seen[kind, what][place].append(value)
    yield compared({key: Pairs(*values) for key, values in seen.items()})


def first_visit(browser: Chrome, origin: str) -> Figures:
    """Page A in a browser that has nothing of the site."""
    where = {"origin": origin, "storageTypes": "all"}
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", where)
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    return in_a_new_tab(browser, lambda: loaded(browser, f"{origin}/page_a"))


def later_visit(browser: Chrome, origin: str) -> Figures:
    """Page A once more, its files in the cache."""
    in_a_new_tab(browser, lambda: loaded(browser, f"{origin}/page_a", settled=0.3))
    return in_a_new_tab(browser, lambda: loaded(browser, f"{origin}/page_a"))


def tabs(browser: Chrome, origin: str) -> Figures:
    """Page C, whose tabs are switched by clicks and keys."""

    def act() -> Figures:
        loaded(browser, f"{origin}/page_c/tab_1")
        return interacted(browser)

    return in_a_new_tab(browser, act)


KINDS: Mapping[str, Callable[[Chrome, str], Figures]] = {
    "page A, nothing cached": first_visit,
    "page A, cached": later_visit,
    "page C, 20 interactions": tabs,
}


def in_a_new_tab(browser: Chrome, act: Callable[[], Found]) -> Found:
    """What `act` finds in a tab of its own."""
    with new_tab(browser):
        return act()


@contextmanager
def new_tab(browser: Chrome) -> Iterator[None]:
    """A tab in front, which is closed after the `with`."""
    blank = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        yield
    finally:
        browser.close()
        browser.switch_to.window(blank)


def loaded(browser: Chrome, url: str, settled: float = SETTLED) -> Figures:
    """What the browser reports of a page, and what its main thread has done by then."""
    browser.execute_cdp_cmd("Performance.enable", COUNTED)
    browser.get(url)
    time.sleep(settled)
    metrics = metrics_of(browser)
    vitals: Figures = browser.execute_script(REPORTED)
    browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    heap = browser.execute_cdp_cmd("Runtime.getHeapUsage", {})
    return vitals | {
        "main thread": 1000 * metrics["TaskDuration"],
        "scripts": 1000 * metrics["ScriptDuration"],
        "JS heap": heap["usedSize"] / 1000,
    }


def metrics_of(browser: Chrome) -> dict[str, float]:
    """What Chromium counts of a page, from `Performance.enable` with `COUNTED` on; times in seconds of
    processor time of the main thread."""
    answer = browser.execute_cdp_cmd("Performance.getMetrics", {})
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}


def interacted(browser: Chrome) -> Figures:
    """Switch the tabs, by the pointer and by the keyboard in turn.

    The browser rounds the time to the next frame to 8 ms; until the handlers are done it does not.
    """
    strip = [browser.find_element(By.LINK_TEXT, f"Tab {number}") for number in (1, 2)]
    browser.execute_script(LISTEN)
    for number in range(INTERACTIONS):
        chosen = strip[(number + 1) % 2]
        if number % 4 < 2:
            chosen.click()
        else:
            browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        time.sleep(PAUSE)
    time.sleep(0.2)
    frames: dict[int, float] = defaultdict(float)
    handlers: dict[int, float] = defaultdict(float)
    for interaction, duration, handled in browser.execute_script(HEARD):
        frames[interaction] = max(frames[interaction], duration)
        handlers[interaction] = max(handlers[interaction], handled)
    return {
        # Of fewer than 50 interactions INP is the longest.
        "INP": max(frames.values()),
        "interaction, to its next frame": median(frames.values()),
        "interaction, handlers done": median(handlers.values()),
    }


def compared(found: Mapping[tuple[str, str], Pairs]) -> Table:
    """Each measure without and with the beacon, and how sure the difference is."""
    table = Table("page", "measure", "unit", box=None, pad_edge=False)
    for heading in ("without", "with", "difference", "95 % interval", "pairs"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for (kind, what), pairs in found.items():
        sides = [f"{median(side):.4g}" for side in (pairs.without, pairs.having)]
        difference, count = f"{pairs.difference:+.3g}", str(len(pairs.differences))
        table.add_row(
            kind, what, UNITS[what], *sides, difference, between(pairs), count, verdict(pairs)
        )
    table.caption = "medians; the difference is the median of the pairs' differences"
    return table


def between(pairs: Pairs) -> str:
    """The interval in words."""
    return "too few" if pairs.interval is None else "{:+.3g} to {:+.3g}".format(*pairs.interval)


def verdict(pairs: Pairs) -> str:
    """What the interval says."""
    if pairs.interval is None:
        return ""
    least, most = pairs.interval
    return "more" if least > 0 else "less" if most < 0 else "no measurable difference"
