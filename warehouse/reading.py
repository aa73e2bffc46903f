"""Reading: records become facts, beside a transaction that applies the ones before them."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from typing import Any, NamedTuple, Protocol

import duckdb
import pyarrow as pa

from dwell.errors import WarehouseError
from dwell.warehouse.live import statements


class Records(Protocol):
    """Consecutive records of one partition, by column, as a log's reader gives them."""

    @property
    def partition(self) -> int: ...
    @property
    def offsets(self) -> Sequence[int]: ...
    @property
    def timestamps(self) -> Sequence[int]: ...
    @property
    def keys(self) -> Sequence[bytes]: ...
    @property
    def values(self) -> Sequence[bytes]: ...
    @property
    def next_offset(self) -> int: ...


class Readable(NamedTuple):
    """The judge's verdict: a fact after all, here in its canonical form."""

    value: bytes


ERASURE = "dwell.visitor.forgotten"
"""Stands in every record that is an erasure."""
MAY_BE_ERASURE = f"contains(hex(value), hex(encode('{ERASURE}')))"
"""Whether it stands in the bytes `value`, as SQL."""


class Forgotten(NamedTuple):
    """The judge's verdict: a visitor is to be forgotten, up to a moment in milliseconds since 1970."""

    visitor_id: str
    received_at: int


class Unreadable(NamedTuple):
    """The judge's verdict: a dead letter, for one reason of a closed set."""

    reason: str
    detail: str


Verdict = Readable | Forgotten | Unreadable


class Letter(NamedTuple):
    """A record that is not readable at first sight."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What records came to, before anything of it is in the warehouse.

    Attributes:
        batches: the records.
        columns: the same as Arrow's columns: partition, offset, and the value as text.
        facts: the table of the facts among them, in memory; it stands until the one after the next
            batch is read.
        forgotten: the erasures among them.
        dead: what is neither.
        judged: the records that were not read at sight, whatever the judge said of them.
    """

    batches: Sequence[Records]
    columns: pa.Table
    facts: str
    forgotten: list[Forgotten]
    dead: list[tuple[Letter, Unreadable]]
    judged: list[Letter]

    def __len__(self) -> int:
        return len(self.columns)


class Reading:
    """Reads records into facts, on a connection of its own: nothing of a warehouse is touched.

    One batch at a time; meanwhile another thread may apply the one before.

    Args:
        connection: a DuckDB that is not used for anything else meanwhile.
        judge: says what a record is that the SQL does not read at first sight.
        reader: the macro of `facts.sql` that is wanted: `facts_of`, or `stated_facts` for facts
            without what is reckoned from their clocks.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        judge: Callable[[bytes], Verdict],
        *,
        reader: str = "facts_of",
    ) -> None:
        self.connection = connection
        self.connection.execute(statements("macros"))
        self.connection.execute(statements("facts"))
        self._judge = judge
        self._reader = reader
        self._numbers = count()

    def read(self, batches: Sequence[Records]) -> Read:
        """The facts, the erasures and the dead letters among these records.

        Raises:
            WarehouseError: DuckDB could not do it, for want of memory for one.
        """
        try:
            return self._read(batches)
        except duckdb.Error as error:
            first_line = str(error).partition("\n")[0]
            raise WarehouseError(f"records could not be read: {first_line}") from error

    def show(self, batches: Sequence[Records]) -> pa.Table:
        """Have the connection see the records as `batch`, to be read without this."""
        columns = _columns(batches)
        self.connection.register("batch", columns)
        return columns

    def _read(self, batches: Sequence[Records]) -> Read:
        columns = self.show(batches)
        facts = f"memory.main.read_{next(self._numbers) % 2}"
        if self._read_at_sight(len(columns), facts, self._readers(batches)) == len(columns):
            return Read(batches, columns, facts, [], [], [])
        letters = list(_pick(batches, self._unread("batch", facts)))
        forgotten, dead = self._judged(letters, facts)
        return Read(batches, columns, facts, forgotten, dead, letters)

    def _read_at_sight(self, records: int, facts: str, readers: tuple[str, str]) -> int:
        """Fill the table with the facts that SQL reads among so many records; returns how many."""
        likelier, other = readers
        [(found,)] = self.connection.execute(
            f"create or replace table {facts} as from {likelier}('batch')"
        ).fetchall()
        if found < records:
            self.connection.execute(
                "create or replace temp view left_over as "
                f'from batch anti join {facts} using (partition, "offset")'
            )
            [(more,)] = self.connection.execute(
                f"insert into {facts} from {other}('left_over')"
            ).fetchall()
            found += more
        return int(found)

    def _judged(
        self, letters: list[Letter], facts: str
    ) -> tuple[list[Forgotten], list[tuple[Letter, Unreadable]]]:
        readable: list[Letter] = []
        forgotten: list[Forgotten] = []
        dead: list[tuple[Letter, Unreadable]] = []
        for letter in letters:
            match self._judge(letter.value):
                case Readable(value):
                    readable.append(letter._replace(value=value))
                case Forgotten() as erasure:
                    forgotten.append(erasure)
                case Unreadable() as verdict:
                    dead.append((letter, verdict))
        return forgotten, dead + self._read_judged(readable, facts)

    def _read_judged(self, letters: list[Letter], facts: str) -> list[tuple[Letter, Unreadable]]:
        """Read what the judge wrote anew; returns what even so has no place in a table."""
        if not letters:
            return []
        self.connection.register("judged", _table(letters))
        self.connection.execute(f"insert into {facts} from {self._reader}('judged')")
        left = set(self._unread("judged", facts))
        verdict = Unreadable("invalid_field", "a value has no place in the tables")
        return [(letter, verdict) for letter in letters if letter[:2] in left]

    def _readers(self, batches: Sequence[Records]) -> tuple[str, str]:
        """The two readers of `facts.sql`, the one first that most records are for, to judge by one of
        them: a record that is given to the wrong one costs ten times as much, and is read all the
        same."""
        sample = next((batch.values[0] for batch in batches if batch.values), b"")
        readers = self._reader, f"former_{self._reader}"
        return readers if b'"previous_seq":' in sample else readers[::-1]

    def _unread(self, records: str, facts: str) -> list[tuple[int, int]]:
        return self.connection.execute(
            f'select partition, "offset" from {records} anti join {facts} using (partition, "offset")'  # noqa: S608
        ).fetchall()


def _pick(batches: Sequence[Records], where: list[tuple[int, int]]) -> Iterable[Letter]:
    """These records, but for the empty ones: their payload was erased, and they say nothing."""
    wanted = set(where)
    for batch in batches:
        rows = zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
        for offset, timestamp, key, value in rows:
            if value and (batch.partition, offset) in wanted:
                yield Letter(batch.partition, offset, timestamp, key, value)


def _columns(batches: Sequence[Records]) -> pa.Table:
    """The records as an Arrow table; what is not UTF-8 has a null there."""
    tables = [
        pa.table(
            {
                "partition": pa.repeat(pa.scalar(batch.partition, pa.int32()), len(batch.offsets)),
                "offset": pa.array(batch.offsets, pa.int64()),
                "judged": pa.repeat(False, len(batch.offsets)),
                "value": _texts(batch.values),
            }
        )
        for batch in batches
    ]
    return pa.concat_tables(tables or [_table([])])


def _table(letters: list[Letter]) -> pa.Table:
    return pa.table(
        {
            "partition": pa.array([letter.partition for letter in letters], pa.int32()),
            "offset": pa.array([letter.offset for letter in letters], pa.int64()),
            "judged": pa.repeat(True, len(letters)),
            "value": _texts([letter.value for letter in letters]),
        }
    )


def _texts(values: Sequence[bytes]) -> "pa.Array[Any]":
    """As strings. `pa.array(values)` would grow its memory step by step and give it back each time,
    and the kernel clears every page anew; one join costs half as much."""
    ends = array("i", accumulate(map(len, values), initial=0))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
    try:
        return pa.Array.from_buffers(pa.binary(), len(values), buffers).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(value) for value in values], pa.string())


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
