"""A row of the benchmarks' table: one measure, taken several times."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

_AIM = re.compile(r"(?:ratio )?(at least|at most|under) ([\d,.]*\d)")


@dataclass(frozen=True)
class Row:
    """One measure.

    Attributes:
        what: the measure in a few words, as `one append, p99`.
        unit: of its values, as `ms` or `records/s`.
        values: one per run, in the order of the runs.
        against: the row this one is compared with, its runs paired with these.
        aim: what the values should be, in words, as `at most 5`, `ratio at most 1.01` or `under 5`.
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
    def aims_at_ratio(self) -> bool:
        """Whether the aim is about the ratio."""
        return self.aim.startswith("ratio ")

    @property
    def holds(self) -> bool | None:
        """Whether the aim is reached by the median; None if it has no aim with a number."""
        found = _AIM.match(self.aim)
        value = self.ratio if self.aims_at_ratio else self.median
        if found is None or value is None:
            return None
        bound = float(found[2].replace(",", ""))
        return value >= bound if found[1] == "at least" else value <= bound

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


def figure(value: float) -> str:
    """Three significant digits, with thousands set apart: 412,000, 12.3, 0.271."""
    if value == 0 or abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:#.3g}".rstrip(".")
