"""A share of the log's partitions, for one of several projectors."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_WRITTEN = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


@dataclass(frozen=True, order=True)
class Shard:
    """One of `count` shares. A partition is in the same one for good.

    Attributes:
        count: how many there are.
        number: which one, from 1.
    """

    count: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `1/3`, the first of three.

        Raises:
            ValueError: it is not written so.
        """
        found = _WRITTEN.fullmatch(text)
        if not found or int(found[1]) > int(found[2]):
            raise ValueError(text)
        return cls(count=int(found[2]), number=int(found[1]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def owns(self, partition: int) -> bool:
        """Whether the partition is in this share."""
        return partition % self.count == self.number - 1

    def all(self) -> list[Self]:
        """This one and its siblings, in order."""
        return [type(self)(self.count, number) for number in range(1, self.count + 1)]

    def beside(self, published: Path) -> Path:
        """Where it publishes, for the warehouse that people open."""
        return published.parent / f"shards-of-{self.count}" / f"{self.number}.duckdb"
