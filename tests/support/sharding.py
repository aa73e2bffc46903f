"""Several shards of a warehouse and their union, as projectors make them, one step at a time."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import duckdb

from dwell.shard import Shard
from dwell.warehouse import snapshot
from dwell.warehouse.siblings import Siblings
from dwell.warehouse.union import Union
from tests.support.facts import LAWFUL, Projected, Stored, table

Tables = dict[str, list[tuple[Any, ...]]]


class Sharded:
    """So many shards, each with a log of its own that a test fills as it likes.

    Attributes:
        published: the union.
    """

    def __init__(self, folder: Path, count: int, keep: timedelta | None = None) -> None:
        self.published = folder / "warehouse.duckdb"
        self.shards = Shard(count, 1).all()
        self.projected = [
            Projected(folder / "live" / f"{shard.number}.duckdb", keep=keep)
            for shard in self.shards
        ]
        self._unions = [Union(self.published, shard) for shard in self.shards]
        self._siblings = [
            Siblings(each.warehouse, self.published, shard)
            for each, shard in zip(self.projected, self.shards, strict=True)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.projected:
            each.warehouse.close()

    def append(self, number: int, records: Iterable[Stored], batch: int = 1000) -> Self:
        """Project these records in shard `number`, from 1, and publish it."""
        return self.fill(number, records, batch).unite(number)

    def fill(self, number: int, records: Iterable[Stored], batch: int = 1000) -> Self:
        """The same without uniting it."""
        projected = self.projected[number - 1].append(records).project(batch)
        projected.warehouse.checkpoint()
        published = self.shards[number - 1].beside(self.published)
        snapshot.copy(projected.warehouse.path, published)
        return self

    def unite(self, number: int) -> Self:
        """Unite the shards as the projector of shard `number` does."""
        self._unions[number - 1].publish()
        return self

    def heed(self) -> Self:
        """Let each shard forget whom the others were told to forget, and keep no more than they."""
        for number, siblings in enumerate(self._siblings, 1):
            if forgotten := siblings.forgotten():
                self.projected[number - 1].forget(forgotten)
            dropped = siblings.dropped()
            for each in dropped:
                self.projected[number - 1].heed(*each)
            if forgotten or dropped:
                self.fill(number, [])
        return self

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the union says to a stock client."""
        with duckdb.connect(self.published, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def tables(self) -> Tables:
        """Every lawful table of the union, sorted, without provenance."""
        return tables_of(self.published)


def tables_of(published: Path) -> Tables:
    """Every lawful table of a published file, sorted, without provenance."""
    with duckdb.connect(published, read_only=True) as connection:
        return {name: connection.execute(table(name)).fetchall() for name in LAWFUL}
