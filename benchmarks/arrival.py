"""From a real browser to the tables: how long until a pageview can be queried, while 1,000 facts come a second.

What is timed begins when the browser begins to ask for the page, and ends when the pageview's row is
committed, and when it stands in the file that people open.
"""

import asyncio
import subprocess
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from operator import itemgetter
from pathlib import Path

from selenium.webdriver import Chrome

from benchmarks.beside import COMMITS, LOOK_EVERY, Moments
from benchmarks.dashboard import new_browser
from benchmarks.filled import CACHE
from benchmarks.page_latency import PATHS
from benchmarks.processes import meanwhile, started
from benchmarks.rows import Row, quantile
from benchmarks.sites import running_site
from benchmarks.watching import lines_of
from dwell.consumers.freshness import published_positions
from dwell.events.opening import open_reader
from dwell.settings import Settings
from tests.support.running import wait_until

NAME = "arrival"
MINUTES = 2

FACTS = 1_000
"""A second."""
VISITORS = 1_000_000
"""More than will be here before the end."""
VISITS = 60
APART = 0.77
"""Seconds between two pages: at no rhythm of a publication."""
WARMS = 10.0
SETTLES = 3.0
"""Seconds for the facts of the last page to arrive."""
LASTS = 120
"""Seconds within which they are published even on a machine that is busy."""
COMMITTED, PUBLISHED = "browser to committed row", "browser to published row"
AIMS = {COMMITTED: "at most 1", PUBLISHED: "at most 5"}
SHARES = {"p50": 0.5, "p95": 0.95}


def run(times: int) -> Iterable[Row]:
    """From the request for a page in Chromium to its row, committed and published, at 1,000 facts/s."""
    found: dict[str, list[list[float]]] = {COMMITTED: [], PUBLISHED: []}
    for _ in range(times):
        for what, took in once().items():
            found[what].append(took)
    for what, runs in found.items():
        for name, share in SHARES.items():
            aim = AIMS[what] if name == "p95" else ""
            yield Row(f"{what}, {name}", "s", [quantile(each, share) for each in runs], aim=aim)


def once() -> dict[str, list[float]]:
    """Seconds of each pageview of one browser."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder, ExitStack() as stack:
        settings = Settings.read({"data": folder}, environ={})
        site = stack.enter_context(running_site(settings.data))
        stack.enter_context(started(settings.data, "benchmarks.beside", folder))
        wait_until(settings.published.exists, 60)
        url = f"http://127.0.0.1:{site.port}{settings.prefix}/facts"
        load = ("--rate", str(FACTS), "--visitors", str(VISITORS), "--url", url)
        stack.enter_context(
            started(settings.data, "dwell.cli", "simulate", *load, said=subprocess.DEVNULL)
        )
        publications: Moments = []
        stack.enter_context(meanwhile(partial(_look, settings.published, publications)))
        browser = stack.enter_context(new_browser())
        time.sleep(WARMS)
        asked, visitor = visited(browser, f"http://127.0.0.1:{site.port}")
        time.sleep(SETTLES)
        offsets = asyncio.run(offsets_of(settings, visitor))
        assert len(offsets) == len(asked), f"{len(asked)} pages, and pageviews {len(offsets)}"
        wait_until(lambda: publications and publications[-1][1] >= offsets[-1], LASTS)
        commits = [(moment, offset) for moment, offset in lines_of(settings.data / COMMITS)]
        return {
            COMMITTED: arrived(asked, offsets, commits),
            PUBLISHED: arrived(asked, offsets, publications),
        }


def visited(browser: Chrome, origin: str) -> tuple[list[float], bytes]:
    """When each page was asked for, in seconds since 1970, and the visitor's id."""
    asked = []
    for number in range(VISITS):
        browser.get(origin + PATHS[number % len(PATHS)])
        asked.append(browser.execute_script("return performance.timeOrigin") / 1000)
        time.sleep(APART)
    cookie = browser.get_cookie("dwell_visitor")
    assert cookie is not None, "the browser has no visitor's id"
    return asked, cookie["value"].encode()


async def offsets_of(settings: Settings, visitor: bytes) -> list[int]:
    """The offset after the first fact of each pageview of this visitor, in the order of the log."""
    reader = open_reader(settings)
    try:
        end, found, place = await reader.end(0), [], 0
        await reader.assign({0: await reader.start(0)})
        while place < end:
            for batch in await reader.read(50_000, 1):
                place = batch.next_offset
                found += [
                    offset + 1
                    for offset, key, value in zip(
                        batch.offsets, batch.keys, batch.values, strict=True
                    )
                    if key == visitor and b'"dwell.page.viewed.' in value
                ]
        return found
    finally:
        await reader.close()


def arrived(asked: list[float], offsets: list[int], reached: Moments) -> list[float]:
    """Seconds from each asking until everything before its offset had come so far.

    Args:
        reached: when everything before an offset had come so far; ascending.
    """
    places = (bisect_left(reached, offset, key=itemgetter(1)) for offset in offsets)
    return [reached[place][0] - moment for moment, place in zip(asked, places, strict=True)]


def _look(published: Path, found: Moments, ended: threading.Event) -> None:
    """Note when each publication was there, and up to which offset it goes."""
    known = 0
    while not ended.wait(LOOK_EVERY):
        now, file = time.time(), published.stat().st_ino
        if file != known:
            known = file
            found.append((now, published_positions(published).get(0, 0)))
