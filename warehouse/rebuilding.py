"""Rebuilding: an empty warehouse is filled from segments, millions of facts in one step.

The statements are those that merge a batch of the projector's. Where nothing is there yet, they come
to grouping and inserting.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from dwell.errors import WarehouseError
from dwell.rules import Rules
from dwell.shard import Shard
from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.projection import Agent, Projection
from dwell.warehouse.quoting import quoted
from dwell.warehouse.reading import MAY_BE_ERASURE, Forgotten, Verdict
from dwell.warehouse.segments import macros

CHUNK_FACTS = 4_000_000
"""Facts that are merged in one step, about: what is grouped of them has room in MEMORY_LIMIT."""
MEMORY_LIMIT = "600MiB"
RAW_RECORDS = 20_000
"""Records that are no facts are read in batches of so many."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of records, of which those are meant that have an offset from `first` until `until`.

    Attributes:
        whole: whether these are all that are in it.
        records: how many there are in it, or of those that are meant.
    """

    path: Path
    partition: int
    first: int
    until: int
    whole: bool
    records: int

    def pieces(self, most: int) -> Iterator["Segment"]:
        """The same records in segments of some `most` of them."""
        count = -(-self.records // most)
        if count < 2:
            yield self
            return
        step = -(-(self.until - self.first) // count)
        for first in range(self.first, self.until, step):
            yield replace(
                self,
                first=first,
                until=min(first + step, self.until),
                whole=False,
                records=self.records // count,
            )

    @property
    def select(self) -> str:
        """The meant records, in SQL."""
        rows = f"from {_parquet([self])}"
        if self.whole:
            return rows
        return f'{rows} where "offset" >= {self.first} and "offset" < {self.until}'


@dataclass(frozen=True, slots=True)
class RawRecords:
    """Records of one partition that are no facts at sight, as a log's reader would give them."""

    partition: int
    offsets: list[int]
    timestamps: list[int]
    keys: list[bytes]
    values: list[bytes]

    @property
    def next_offset(self) -> int:
        """Behind the last of them."""
        return self.offsets[-1] + 1


class Rebuilding:
    """A new warehouse that is filled, in the order: `forget`, `fill`, `finish`.

    Args:
        path: of the new file; what is there is not kept.
        judge: says what a record is that was no fact at sight.
        describe: says what a browser agent means.
        threads: of DuckDB.
        rules: what it is counted by, if not as the browsers told.
        shard: whose facts are in it; `None` is all of the log's.
        keep: how long rows are kept; `None` is for ever.
    """

    def __init__(
        self,
        path: Path,
        *,
        judge: Callable[[bytes], Verdict],
        describe: Callable[[str], Agent],
        threads: int,
        rules: Rules | None = None,
        shard: Shard | None = None,
        keep: timedelta | None = None,
    ) -> None:
        for each in path.parent.glob(f"{path.name}*"):
            if each.is_file():
                each.unlink()
        self.warehouse = LiveWarehouse(
            path, shard, rules, threads=threads, memory_limit=MEMORY_LIMIT
        )
        self._connection = self.warehouse.connection
        self._judge = judge
        self._projection = Projection(
            self.warehouse,
            judge=judge,
            describe=describe,
            starts=dict,
            offsets_at=lambda _: {},
            at_once=True,
            keep=keep,
        )
        self._connection.execute(statements("facts"))
        self._connection.execute(macros())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.warehouse.__exit__(kind, error, trace)

    def forget(self, forgotten: Iterable[Forgotten]) -> None:
        """Leave these visitors out."""
        self._projection.forget(list(forgotten))

    def fill(self, segments: Sequence[Segment], done: Callable[[int], None]) -> None:
        """Take in all records. What is no fact comes first, so that who is to be forgotten is known.

        Args:
            segments: in the order in which rows shall lie, which is that of the log.
            done: told how many records more have been taken in.

        Raises:
            WarehouseError: it could not be done, for want of disk for one.
        """
        try:
            self._foresee(segments)
            self._forget_ordered(segments)
            for chunk, mixed in [(each, self._take_raw(each)) for each in _chunks(segments)]:
                self._take(chunk, mixed)
                done(sum(each.records for each in chunk))
        except duckdb.Error as error:
            first_line = str(error).partition("\n")[0]
            raise WarehouseError(
                f"{self.warehouse.path} could not be filled: {first_line}"
            ) from error

    def finish(self, identity: str, positions: dict[int, int], notes: dict[str, str]) -> None:
        """Write down which log it was and how far; the file is whole then.

        Args:
            notes: further entries of `projection_info`.
        """
        self._projection.finish(positions)
        with self.warehouse.transaction():
            for name, value in ({"log_identity": identity} | notes).items():
                self.warehouse.note(name, value)
        self.warehouse.checkpoint()

    def describe_with(self, data: str) -> None:
        """Write down what user-agent data agents are described with."""
        self._projection.describe_with(data)

    def _foresee(self, segments: Sequence[Segment]) -> None:
        """Have what will be beyond the horizon be left out at once: no row of it is made."""
        if not segments:
            return
        found = self._connection.execute(f"select max(received_at) {_union(segments)}")
        [(newest,)] = found.fetchall()
        self._projection.foresee(newest)

    def _forget_ordered(self, segments: Sequence[Segment]) -> None:
        """Know whom the records have forgotten before there are rows that would have to be made anew."""
        if not segments:
            return
        values = self._connection.execute(
            f"select value {_union(segments)} "
            f"where not coalesce(is_current(type), false) and {MAY_BE_ERASURE}"
        ).fetchall()
        verdicts = [self._judge(value) for (value,) in values]
        self.forget(each for each in verdicts if isinstance(each, Forgotten))

    def _take(self, chunk: Sequence[Segment], mixed: bool) -> None:
        """Take in the facts. Where they are alone they are not asked for, which ten statements would."""
        alone = "where is_current(type)" if mixed else ""
        self._connection.execute(f"create or replace temp view stated as {_union(chunk)} {alone}")
        self._connection.execute("create or replace temp view timed_fact as from timed('stated')")
        self._projection.take("timed_fact")

    def _take_raw(self, chunk: Sequence[Segment]) -> bool:
        """Take in what is no fact; returns whether there was any of it."""
        self._connection.execute(f"create or replace temp view raw as {_union(chunk)}")
        place = nowhere = (-1, -1)
        while rows := self._raw_behind(place):
            self._projection.apply(self._projection.read(list(_raw(rows))))
            place = rows[-1][:2]
        return place != nowhere

    def _raw_behind(self, place: tuple[int, int]) -> list[tuple[Any, ...]]:
        """The next of it behind a partition and offset, so many that they need little memory."""
        return self._connection.execute(
            'select partition, "offset", received, key, value '
            "from as_records('raw') where not coalesce(is_current(type), false) "
            'and (partition, "offset") > (?, ?) order by partition, "offset" limit ?',
            [*place, RAW_RECORDS],
        ).fetchall()


def _raw(rows: list[tuple[Any, ...]]) -> Iterator[RawRecords]:
    for partition, several in groupby(rows, key=lambda row: row[0]):
        _, offsets, timestamps, keys, values = map(list, zip(*several, strict=True))
        yield RawRecords(partition, offsets, timestamps, keys, values)


def _union(chunk: Sequence[Segment]) -> str:
    """All meant records of the segments, in their order."""
    parts = []
    for whole, several in groupby(chunk, key=attrgetter("whole")):
        if whole:
            parts.append(f"from {_parquet(list(several))}")
        else:
            parts += [each.select for each in several]
    return "from (" + " union all ".join(f"({part})" for part in parts) + ")"


def _parquet(segments: Sequence[Segment]) -> str:
    """The segments' files as a table. Read by name, DuckDB looks at all of them to plan a statement;
    else it would judge by the first one how many rows there are, and hash the facts to find a few."""
    listed = ", ".join(quoted(each.path) for each in segments)
    return f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"


def _chunks(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    chunk: list[Segment] = []
    held = 0
    for segment in chain.from_iterable(each.pieces(CHUNK_FACTS) for each in segments):
        chunk.append(segment)
        held += segment.records
        if held >= CHUNK_FACTS:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
