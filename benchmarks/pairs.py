"""Paired differences, and how sure one can be of their median."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median


@dataclass(frozen=True)
class Pairs:
    """The same measure without something and with it, each pair taken one right after the other."""

    without: Sequence[float]
    having: Sequence[float]

    @property
    def differences(self) -> list[float]:
        """What each pair says it adds, the least first."""
        return sorted(b - a for a, b in zip(self.without, self.having, strict=True))

    @property
    def difference(self) -> float:
        """The median of what it adds."""
        return median(self.differences)

    @property
    def interval(self) -> tuple[float, float] | None:
        """In which the true median lies with a confidence of 95 % at least; None: too few pairs.

        Nothing is assumed of how the differences are distributed: each is above the true median
        with a chance of one half (the sign test turned round).
        """
        ordered = self.differences
        count = len(ordered)
        rank, beyond = 0, 0.0
        while beyond + comb(count, rank) / 2**count <= 0.025:
            beyond += comb(count, rank) / 2**count
            rank += 1
        return (ordered[rank - 1], ordered[count - rank]) if rank else None
