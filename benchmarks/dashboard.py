"""The dashboard as a browser has it: the first visit, the next, and another filter."""

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal, TypedDict

from rich.table import Table
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from benchmarks import then
from benchmarks.audience import YEAR, kept
from benchmarks.filled import CACHE
from benchmarks.panels import ENDED, SMALL
from benchmarks.processes import used_by
from benchmarks.rows import Row
from benchmarks.sites import RunningSite, running_dashboard
from benchmarks.web_vitals import COUNTED, in_a_new_tab, metrics_of
from tests.support.browsers import open_browser
from tests.support.running import wait_until

NAME = "dashboard"
MINUTES = 2

SCREEN = ("--window-size=1280,900",)
SETTLES = 2.0
"""Seconds in which a browser that was just started comes to rest."""
SECONDS = 60
"""How long a page may take."""
HERE = Path(__file__).parent
DRAWN = (HERE / "dashboard_drawn.js").read_text("utf-8")
LOADED = (HERE / "dashboard_loaded.js").read_text("utf-8")

NEW, FIRST, NEXT, OTHER = (
    "new dashboard, new browser",
    "new browser",
    "next visit",
    "another period",
)
VISITS = {NEW: "", FIRST: "", NEXT: "", OTHER: "?since=27d"}
"""What is asked for; the last is a period that nobody asked for before."""
HEADLINE, COMPLETE, SEEN, SETTLED = "headline", "complete", "seen", "settled"
"""Marks of the page, and that of a change."""
ALL = "all panels drawn"
TOLD = {
    HEADLINE: "headline figures drawn",
    COMPLETE: ALL,
    SEEN: "what is on the screen drawn",
    SETTLED: ALL,
}
AIMS = {TOLD[HEADLINE]: "at most 300", ALL: "at most 500"}
PARTS = {
    "page": r"/$",
    "scripts and charts": r"\.js$|/static/charts\.json$",
    "styles and signs": r"\.(css|svg)$",
    "data": r"\.(nd)?json$",
}
"""What a visit loads, by the first pattern that fits its path."""
WHOLE = "all together"
MOMENTS: tuple[Literal["asked", "sent", "answered", "ended"], ...] = (
    "asked",
    "sent",
    "answered",
    "ended",
)

CHANGES = {
    "7 days": ("[name=since][value='7d'] + span", "[name=since][value='28d'] + span"),
    "12 weeks": ("[name=since][value='12w'] + span", "[name=since][value='28d'] + span"),
    "one browser": ("[data-key='browser=Firefox']", "[data-filter=browser]"),
    "one view": ("#views [data-key='view=shop.product.Product']", "[data-filter=view]"),
    "one path": ("#pages [data-key^='path=']", "[data-filter=path]"),
    "new visitors": ("visitors=new", "[data-filter=visitors]"),
    "robots too": ("bots=include", "[data-filter=bots]"),
}
"""What is clicked, and what takes it away again. Of the form it is the button, after this choice."""
BACK = "any of them taken away again"


class Request(TypedDict):
    """One request of a page; milliseconds since the page was asked for."""

    path: str
    bytes: int
    asked: float
    sent: float
    answered: float
    ended: float


@dataclass(frozen=True)
class Visit:
    """What came of one visit.

    Attributes:
        milliseconds: by what they are of.
        requests: the page's own first.
    """

    milliseconds: dict[str, float]
    requests: list[Request]


def run(times: int) -> Iterable[Row | Table]:
    """Paints, panels and bytes of visits to 12M pageviews, and clicks on filters at 1M."""
    visits: dict[str, list[Visit]] = defaultdict(list)
    changes: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(times):
        for kind, visit in visited(kept(*YEAR)):
            visits[kind].append(visit)
        for what, took in changed(kept(SMALL, YEAR[1])):
            changes[what].append(took)
    for kind, each in visits.items():
        yield from _timed(kind, each)
    for kind in (NEW, NEXT):
        yield from _weighed(kind, visits[kind])
    for what, several in changes.items():
        for name in (SEEN, SETTLED):
            values = [took[name] for took in several]
            yield Row(f"1M pageviews, {what}: {TOLD[name]}", "ms", values, aim="at most 200")
    yield requests_of(NEW, visits[NEW])


def visited(published: Path) -> Iterator[tuple[str, Visit]]:
    """A visit of each kind to a dashboard of that warehouse."""
    with new_browser() as browser, dashboard_of(published) as dashboard:
        yield NEW, in_a_new_tab(browser, partial(visit, browser, dashboard, VISITS[NEW]))
        with new_browser() as other:
            for kind in (FIRST, NEXT, OTHER):
                yield kind, in_a_new_tab(other, partial(visit, other, dashboard, VISITS[kind]))


def changed(published: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Milliseconds from each click to what is drawn after it."""
    with new_browser() as browser, dashboard_of(published) as dashboard:
        opened(browser, f"http://127.0.0.1:{dashboard.port}/")
        for what, (there, back) in CHANGES.items():
            yield what, clicked(browser, there)
            yield BACK, clicked(browser, back)


@contextmanager
def dashboard_of(published: Path) -> Iterator[RunningSite]:
    """A new dashboard, for which the warehouse is of today."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=CACHE)))
        (folder / "warehouse.duckdb").hardlink_to(published)
        command = then.command(ENDED)
        yield stack.enter_context(running_dashboard(folder, command, timezone="Europe/Berlin"))


@contextmanager
def new_browser() -> Iterator[Chrome]:
    """A browser that was never anywhere, at rest."""
    with open_browser(arguments=SCREEN) as browser:
        browser.set_script_timeout(SECONDS)
        time.sleep(SETTLES)
        yield browser


def opened(browser: Chrome, url: str) -> None:
    """Go there, and wait until all panels are drawn."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": DRAWN})
    browser.execute_cdp_cmd("Performance.enable", COUNTED)
    browser.get(url)
    browser.execute_async_script("when(...arguments)", COMPLETE)


def visit(browser: Chrome, dashboard: RunningSite, query: str) -> Visit:
    """Go there, and see what the browser reports."""
    pid = browser.service.process.pid
    before = used_by(pid), dashboard.cpu_seconds()
    opened(browser, f"http://127.0.0.1:{dashboard.port}/{query}")
    after = used_by(pid), dashboard.cpu_seconds()
    seen = browser.execute_script(LOADED)
    milliseconds = {
        "first paint": seen["painted"],
        "largest paint": seen["largest"],
        **{TOLD[name]: at for name, at in seen["drawn"].items()},
        "main thread": 1000 * metrics_of(browser)["TaskDuration"],
        "processor, browser": 1000 * (after[0] - before[0]),
        "processor, dashboard": 1000 * (after[1] - before[1]),
    }
    return Visit(milliseconds, seen["requests"])


def clicked(browser: Chrome, what: str) -> dict[str, float]:
    """Click, and wait until all panels are drawn anew.

    Args:
        what: a selector, or a choice of the form as `bots=include`.
    """
    name, chosen, value = what.partition("=") if re.fullmatch(r"\w+=\w+", what) else (what, "", "")
    if chosen:
        _choose(browser, name, value)
    browser.execute_script("armed()")
    _find(browser, "#filters .go" if chosen else what).click()
    browser.execute_async_script("when(...arguments)", SETTLED)
    drawn: dict[str, float] = browser.execute_script("return drawn")
    return drawn


def _choose(browser: Chrome, name: str, value: str) -> None:
    """Open the form, in which all has come that can be chosen, and choose."""
    _find(browser, "#more summary").click()
    offered = "return document.querySelector('#choices-view').childElementCount"
    wait_until(lambda: browser.execute_script(offered))
    browser.execute_script(f"document.forms.filters.elements.{name}.value = '{value}'")


def _find(browser: Chrome, selector: str) -> WebElement:
    """The first such element, in the middle of the screen."""
    element = browser.find_element(By.CSS_SELECTOR, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    return element


def _timed(kind: str, visits: Sequence[Visit]) -> Iterable[Row]:
    for what in visits[0].milliseconds:
        values = [visit.milliseconds[what] for visit in visits]
        yield Row(f"12M pageviews, {kind}: {what}", "ms", values, aim=AIMS.get(what, ""))


def _weighed(kind: str, visits: Sequence[Visit]) -> Iterable[Row]:
    weights = [weight(visit) for visit in visits]
    for part in (*PARTS, WHOLE):
        values = [each[part] / 1000 for each in weights]
        yield Row(f"12M pageviews, {kind}: {part}", "kB", values)


def weight(visit: Visit) -> dict[str, float]:
    """Bytes of a visit by its parts, as they came over the wire; each answer's head counts as 300, as
    the browser has it."""
    parts = dict.fromkeys((*PARTS, WHOLE), 0.0)
    for request in visit.requests:
        part = next(part for part, pattern in PARTS.items() if re.search(pattern, request["path"]))
        parts[part] += request["bytes"]
        parts[WHOLE] += request["bytes"]
    return parts


def requests_of(kind: str, visits: Sequence[Visit]) -> Table:
    """When each request was asked for, sent, answered and over; medians."""
    table = Table(f"{kind}: what it asks for", box=None, pad_edge=False)
    for heading in ("kB", *MOMENTS):
        table.add_column(heading, justify="right")
    several: dict[str, list[Request]] = defaultdict(list)
    for visit in visits:
        for request in visit.requests:
            several[request["path"].rpartition("/static/")[2]].append(request)
    for path, each in several.items():
        moments = (f"{median(request[name] for request in each):.0f}" for name in MOMENTS)
        table.add_row(path, f"{median(request['bytes'] for request in each) / 1000:.1f}", *moments)
    table.caption = "milliseconds since the page was asked for; medians of all runs"
    return table
