"""The panels of the dashboard, without a browser, on published warehouses of a year."""

import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.audience import BEGAN, YEAR, kept
from benchmarks.rows import Row
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
AGAIN = "12M pageviews: all panels again"
MEMORY = "12M pageviews: peak memory of the process"


def run(times: int) -> Iterable[Row]:
    """All panels of 28 days on 12M pageviews of 52 weeks, on two threads; other selections on 1M."""
    large, small = kept(VISITORS, WEEKS), kept(SMALL, WEEKS)
    figures: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        for measure, published in ((whole, large), (changes, small)):
            for what, value in _apart(measure, published):
                figures[what].append(value)
    aims = {ALL: "at most 350", MEMORY: "bounded: DuckDB may take 512"}
    for what, values in figures.items():
        unit = "MiB" if what == MEMORY else "ms"
        aim = "at most 150" if what.startswith("1M") else ""
        yield Row(what, unit, values, aim=aims.get(what, aim))


def whole(published: Path) -> Iterable[tuple[str, float]]:
    """Each panel in turn, as a page asks for them, then all once more."""
    with closing(Board(published, threads=2)) as board:
        board.publication()
        begin = time.perf_counter()
        answers = list(_each(board, {}))
        yield ALL, _since(begin)
        yield TOTALS, answers[0][1]
        for name, milliseconds in answers[1:]:
            yield f"12M pageviews: {name}", milliseconds
        begin = time.perf_counter()
        for _ in _each(board, {}):
            pass
        yield AGAIN, _since(begin)
    yield MEMORY, _peak()


def changes(published: Path) -> Iterable[tuple[str, float]]:
    """What somebody waits for who selects something else: all panels of it."""
    with closing(Board(published, threads=2)) as board:
        for _ in _each(board, {}):
            pass
        for what, given in CHANGES.items():
            begin = time.perf_counter()
            answers = list(_each(board, given))
            yield f"1M pageviews: {what}, all panels", _since(begin)
            yield f"1M pageviews: {what}, totals", answers[0][1]


def _each(board: Board, given: dict[str, str]) -> Iterable[tuple[str, float]]:
    selection = Selection.of(given, timezone="Europe/Berlin", now=ENDED)
    for panel in panels():
        begin = time.perf_counter()
        board.answer(panel.name, selection, EXTRA.get(panel.name, {})).rows()
        yield panel.name, _since(begin)


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
