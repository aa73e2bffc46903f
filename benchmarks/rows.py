"""A row of the benchmarks' table: one measure, taken several times."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True)
class Row:
    """One measure.

    Attributes:
        what: the measure in a few words, as `one append, p99`.
        unit: of its values, as `ms` or `records/s`.
        values: one per run, in the order of the runs.
        against: the row this one is compared with, its runs paired with these.
        aim: what the values should be, in words, as `at most 5`.
    """

    what: str
    unit: str
    values: Sequence[float]
    against: Self | None = None
    aim: str = ""

    @property
    def median(self) -> float:
        """The value in the middle of the runs."""
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """The median of the ratios of the paired runs, or None if it is compared with nothing."""
        if self.against is None:
            return None
        pairs = zip(self.values, self.against.values, strict=True)
        return median(mine / theirs for mine, theirs in pairs)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed: 0.99 for the 99th percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
