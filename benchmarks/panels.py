"""The panels of the dashboard, without a browser, on published warehouses of a year."""

import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.audience import BEGAN, YEAR, kept
from benchmarks.rows import Row
from dwell.site.dashboard.asking import THREADS
from dwell.warehouse.panels import Board, Selection, panels

Measure = Callable[[Path], Iterable[tuple[str, float]]]

NAME = "panels"
MINUTES = 3

VISITORS, WEEKS = YEAR
ENDED = datetime.fromtimestamp(BEGAN / 1000, UTC) + timedelta(weeks=WEEKS)
SMALL = VISITORS // 12
EXTRA = {"funnel": {"views": "shop.product.Product,shop.basket.Basket,shop.checkout.Checkout"}}
CHANGES = {
    "one browser": {"browser": "Firefox"},
    "one view": {"view": "shop.product.Product"},
    "one path": {"path": "/tabs/3"},
    "new visitors": {"visitors": "new"},
    "robots too": {"bots": "include"},
    "three months": {"since": "90d"},
}
"""What is selected after the usual 28 days."""
TOTALS = "12M pageviews: totals of fresh 28 days"
ALL = "12M pageviews: all panels of fresh 28 days"
CHANGED = "12M pageviews: one browser, all panels"
AGAIN = "12M pageviews: all panels once more, one after another"
MEMORY = "12M pageviews: peak memory of the process"


def run(times: int) -> Iterable[Row]:
    """All panels of 28 days on 12M pageviews of 52 weeks, on two threads; other selections on 1M."""
    large, small = kept(VISITORS, WEEKS), kept(SMALL, WEEKS)
    figures: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        for measure, published in ((whole, large), (changes, small)):
            for what, value in _apart(measure, published):
                figures[what].append(value)
    aims = {TOTALS: "at most 250", MEMORY: "bounded: DuckDB may take 512"}
    for what, values in figures.items():
        unit = "MiB" if what == MEMORY else "ms"
        aim = "at most 150" if what.startswith("1M") else ""
        yield Row(what, unit, values, aim=aims.get(what, aim))


def whole(published: Path) -> Iterable[tuple[str, float]]:
    """What a page asks of a new publication, two panels at a time; with a filter; each panel alone."""
    with closing(Board(published, threads=2)) as board:
        board.publication()
        totals, everything = _asked(board, {})
        yield TOTALS, totals
        yield ALL, everything
        yield CHANGED, _asked(board, {"browser": "Firefox"})[1]
        begin = time.perf_counter()
        yield from list(_each(board))
        yield AGAIN, _since(begin)
    yield MEMORY, _peak()


def changes(published: Path) -> Iterable[tuple[str, float]]:
    """What somebody waits for who selects something else: all panels of it, two at a time."""
    with closing(Board(published, threads=2)) as board:
        _asked(board, {})
        for what, given in CHANGES.items():
            totals, everything = _asked(board, given)
            yield f"1M pageviews: {what}, all panels", everything
            yield f"1M pageviews: {what}, totals", totals


def _asked(board: Board, given: dict[str, str]) -> tuple[float, float]:
    """Milliseconds until the totals are there, and until all panels are."""
    selection = Selection.of(given, timezone="Europe/Berlin", now=ENDED)
    begin = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        first, *others = [pool.submit(_answer, board, panel.name, selection) for panel in panels()]
        first.result()
        totals = _since(begin)
        for each in others:
            each.result()
    return totals, _since(begin)


def _each(board: Board) -> Iterable[tuple[str, float]]:
    selection = Selection.of({}, timezone="Europe/Berlin", now=ENDED)
    for panel in panels():
        begin = time.perf_counter()
        _answer(board, panel.name, selection)
        yield f"12M pageviews: {panel.name} once more", _since(begin)


def _answer(board: Board, name: str, selection: Selection) -> None:
    board.answer(name, selection, EXTRA.get(name, {})).rows()


def _peak() -> float:
    """MiB of this process, as the kernel remembers them."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _since(begin: float) -> float:
    return 1000 * (time.perf_counter() - begin)


def _apart(measure: Measure, published: Path) -> list[tuple[str, float]]:
    """What it yields, in a process of its own: a new dashboard's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_listed, (measure, published))


def _listed(measure: Measure, published: Path) -> list[tuple[str, float]]:
    return list(measure(published))
