"""The projection with 1, 10 and 50 million pageviews there: does a fact cost more when there are more rows?"""

from collections import defaultdict
from collections.abc import Iterable

from benchmarks.projection import UNITS, Case, in_a_process
from benchmarks.rows import Row

NAME = "growth"
MINUTES = 40

LIMIT = (
    "With 50 million pageviews the gigabyte that DuckDB may take is full, and the rows that are looked up are "
    "read from the file again: with two gigabytes a fact took 8.9 µs of processor time for 11.1, and 1.16 times "
    "as many were taken in (two pairs). At 5 million half a gigabyte costs a fifth of the rate in the same way "
    "(decision 9)."
)
SIZES = {"1M": 1_000_000, "10M": 10_000_000, "50M": 50_000_000}
RATE = "rate"
FROM, TO = "1M", "50M"


def run(times: int) -> Iterable[Row]:
    """As `projection`, in turn with 1M, 10M and 50M pageviews there already; 30 GB of disk."""
    cases = [Case(name, pageviews) for name, pageviews in SIZES.items()]
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for case in cases * times:
        for what, value in in_a_process(case).items():
            figures[case.name, what].append(value)
    first = {
        what: Row(f"{FROM}: {what}", unit, figures[FROM, what]) for what, unit in UNITS.items()
    }
    for case in cases:
        for what, unit in UNITS.items():
            against = None if case.name == FROM else first[what]
            aim = "ratio at least 0.8" if (case.name, what) == (TO, RATE) else ""
            yield Row(f"{case.name}: {what}", unit, figures[case.name, what], against, aim)
