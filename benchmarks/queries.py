"""The named queries on a published warehouse with 5 million pageviews of 26 weeks."""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.audience import BEGAN, WEEKS, kept
from benchmarks.rows import Row
from dwell.warehouse.published import open_published
from dwell.warehouse.queries import Query, bound, queries

NAME = "queries"

ENDED = datetime.fromtimestamp(BEGAN / 1000, UTC) + timedelta(weeks=WEEKS)
VIEWS = {"funnel": "shop.product.Product,shop.basket.Basket,shop.checkout.Checkout"}
PERIODS = {"usual period": {}, "all 26 weeks": {"since": "2025-01-01"}}
"""The usual one is 28 days, and 12 weeks for retention."""
COMMAND = "dwell query engagement_by_view, the whole command"


def run(times: int) -> Iterable[Row]:
    """Each named query on 5M pageviews of 26 weeks, on two threads: of its usual period, and of all."""
    published = kept()
    figures: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        for what, milliseconds in once(published):
            figures[what].append(milliseconds)
        figures[COMMAND].append(command(published))
    for period in PERIODS:
        for query in queries():
            what = f"{query.name}, {period}"
            yield Row(what, "ms", figures[what], aim="at most 200")
    yield Row(COMMAND, "ms", figures[COMMAND])


def once(published: Path) -> Iterable[tuple[str, float]]:
    """Each query in each period, on a connection of its own that has answered it once before."""
    for query in queries():
        with open_published(published) as connection:
            connection.execute("set threads = 2")
            for period, given in PERIODS.items():
                values = values_of(query, given)
                connection.execute(query.sql, values).fetchall()
                begin = time.perf_counter()
                connection.execute(query.sql, values).fetchall()
                yield f"{query.name}, {period}", 1000 * (time.perf_counter() - begin)


def values_of(query: Query, given: dict[str, str]) -> dict[str, object]:
    """What a person who asks on the last day gives."""
    views = {"views": VIEWS[query.name]} if query.name in VIEWS else {}
    return bound(query, given | views, timezone="Europe/Berlin", now=ENDED)


def command(published: Path) -> float:
    """Milliseconds from the shell to the answer, with Python's start."""
    with tempfile.TemporaryDirectory(dir=published.parent) as folder:
        (Path(folder) / "warehouse.duckdb").hardlink_to(published)
        arguments = ["engagement_by_view", "--until", ENDED.isoformat(), "--data", folder]
        begin = time.perf_counter()
        subprocess.run(
            [Path(sys.executable).parent / "dwell", "query", *arguments],
            check=True,
            capture_output=True,
            env=os.environ | {"DWELL_TIMEZONE": "Europe/Berlin"},
        )
        return 1000 * (time.perf_counter() - begin)
