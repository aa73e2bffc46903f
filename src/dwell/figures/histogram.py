"""How often a number was how large."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts values by their size. For one thread.

    Attributes:
        bounds: ascending; a value counts for the first bound that it does not exceed.
        counts: one for each bound, and one for what is beyond the last.
        sum: of all values.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value
