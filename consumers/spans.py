"""Spans: stretches of a partition's offsets."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

_NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.parquet")


class Span(NamedTuple):
    """The offsets of a partition from `first` until before `until`; not every one need be a record."""

    partition: int
    first: int
    until: int

    def __len__(self) -> int:
        return max(0, self.until - self.first)

    @property
    def file(self) -> str:
        """The name of the segment that holds the span's records."""
        return f"{self.partition}-{self.first:012d}-{self.until:012d}.parquet"

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """The span of a segment by its name; `None`: it is no segment's."""
        found = _NAME.fullmatch(path.name)
        return cls(*map(int, found.groups())) if found else None

    def covers(self, other: "Span") -> bool:
        """Whether the other one lies in it."""
        return (
            self.partition == other.partition
            and self.first <= other.first
            and other.until <= self.until
        )

    def less(self, others: Iterable["Span"]) -> Iterator["Span"]:
        """What is in none of the others, ascending."""
        first = self.first
        for other in sorted(each for each in others if each.partition == self.partition):
            end = min(other.first, self.until)
            if first < end:
                yield Span(self.partition, first, end)
            first = max(first, other.until)
        if first < self.until:
            yield Span(self.partition, first, self.until)

    def pieces(self, most: int) -> Iterator["Span"]:
        """The span in pieces of `most` offsets."""
        for first in range(self.first, self.until, most):
            yield Span(self.partition, first, min(first + most, self.until))
