"""Counting by groups: each row is of a group, which is a number from 0 on."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BITS = 64 * 1024 * 1024
"""As many groups times visitors are counted with a mark for each; of more, the pairs are sorted."""


def counted(group: Array, groups: int) -> Array:
    """How many rows each group has."""
    return np.bincount(group, minlength=groups)


def summed(group: Array, groups: int, values: Array) -> Array:
    """The sum of each group, exact as long as it is below 2^53."""
    return np.bincount(group, weights=values, minlength=groups)


def different(group: Array, groups: int, visitor: Array, visitors: int) -> Array:
    """How many different visitors each group has."""
    pair = group.astype(np.int64) * visitors + visitor
    if groups * visitors > BITS:
        return counted(once(pair, groups * visitors) // visitors, groups)
    marks = np.zeros(groups * visitors, bool)
    marks[pair] = True
    found: Array = np.count_nonzero(marks.reshape(groups, visitors), axis=1)
    return found


def once(numbers: Array, most: int) -> Array:
    """Each of these numbers below `most` once, in order."""
    if most > BITS:
        return np.unique(numbers)
    marks = np.zeros(most, bool)
    marks[numbers] = True
    return np.flatnonzero(marks)


def quantiles(group: Array, groups: int, ms: Array, *shares: float) -> list[list[float | None]]:
    """Seconds that so many of each group did not exceed, between two rows in proportion; a list for each
    share, in which a group without rows has none."""
    bits = max(int(ms.max(initial=0)).bit_length(), 1)
    ordered = (group.astype(np.int64) << bits) | ms
    ordered.sort()
    counts = counted(group, groups)
    begins = np.cumsum(counts) - counts
    mask = (1 << bits) - 1
    return [
        [
            _between(ordered, int(begin), int(count), share, mask) if count else None
            for begin, count in zip(begins, counts, strict=True)
        ]
        for share in shares
    ]


def _between(ordered: Array, begin: int, count: int, share: float, mask: int) -> float:
    place = share * (count - 1)
    low, high = (
        (int(ordered[begin + each]) & mask) / 1000 for each in (math.floor(place), math.ceil(place))
    )
    return low + (high - low) * (place - math.floor(place))


def rounded(value: float, digits: int) -> float:
    """As SQL rounds what is not negative: halves go up."""
    scaled = value * 10**digits
    whole = math.floor(scaled)
    return float((whole + (scaled - whole >= 0.5)) / 10**digits)


def seconds(value: float | None) -> float | None:
    """Seconds as panels tell them."""
    return None if value is None else rounded(value, 3)


def percent(part: float, whole: float) -> float | None:
    """A share as panels tell it; of nothing there is none."""
    return rounded(100 * part / whole, 2) if whole else None
