"""The comparison of two warehouses: which rows differ, in what, and which facts made them.

Each row is hashed, and the hashes are summed in buckets of keys. What both sides agree on is read
once and never looked at again; only what stands in other buckets is compared row by row.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from dwell.errors import WarehouseError
from dwell.warehouse.aligned import Aligned
from dwell.warehouse.pair import Pair

TABLES = {
    "tracking_session": ("session_id",),
    "pageview": ("pageview_id",),
    "visibility_change": ("pageview_id", "seq"),
    "browser_agent": ("browser_agent",),
    "erasure": ("visitor_id",),
}
"""What is compared, and what tells the rows of each apart."""
EXPLAINS = {
    "log_identity": "an offset of one says nothing of the other",
    "schema_version": "what one of them does not have is not compared",
    "agent_data": "browser_agent may differ by it",
    "rules": "each counts sessions, seconds and bots by its own",
    "shard": "each holds a part of its log",
    "horizon": "what began before it is in neither, or in one alone",
}
"""What follows from two entries of `projection_info` that are not the same."""
ROWS_A_PASS = 4_000_000
"""Rows of both sides together that are compared one by one at a time."""
MOST_SHOWN = 80
"""Characters of an entry that a note shows."""
MOST_PARTITIONS = 4
"""Partitions that a note names."""

_SQL = files("dwell.warehouse") / "comparison"


@dataclass(frozen=True, slots=True)
class Note:
    """What explains differences and is none.

    Attributes:
        about: `schema_version` or another entry of `projection_info`, `log_offset`, `dead_letter`, or a
            table.
        a, b: what each side says; `None` if it says nothing.
        says: the same in a sentence.
    """

    about: str
    a: Any
    b: Any
    says: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one table.

    Attributes:
        rows: how many there are in A, and in B.
        content: a hash of them in A, and in B.
        only_in_a, only_in_b, different: how many keys have a row on one side alone, or another one.
        doubled: of how many keys that differ, one side has several rows.
        columns: in how many rows each column differs, of those that do.
        shape: what differs in the columns themselves, though both have one version of the schema.
    """

    table: str
    rows: tuple[int, int]
    content: tuple[int, int]
    only_in_a: int = 0
    only_in_b: int = 0
    different: int = 0
    doubled: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    shape: list[str] = field(default_factory=list)

    @property
    def differing(self) -> int:
        """How many rows differ, by key."""
        return self.only_in_a + self.only_in_b + self.different

    @property
    def same(self) -> bool:
        """Whether nothing does."""
        return not (self.differing or self.shape)


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose rows differ.

    Attributes:
        key: by column.
        a, b: its rows on each side, by column: one, or none, or several, which is a fault by itself.
        facts: where in the log the facts stand that made it in A, and in B, as `0:17`: the first and
            the last of the row; of a pageview, also those of its visibility changes that differ.
    """

    key: dict[str, Any]
    a: list[dict[str, Any]]
    b: list[dict[str, Any]]
    facts: tuple[list[str], list[str]]

    @property
    def columns(self) -> dict[str, tuple[Any, Any]]:
        """The values of the columns that differ, if there is one row on each side."""
        if len(self.a) != 1 or len(self.b) != 1:
            return {}
        [a], [b] = self.a, self.b
        return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


class Comparison:
    """Compares the tables of a pair.

    Args:
        provenance: compare the columns that say where a row came from, too.

    Raises:
        WarehouseError: the rows of a table cannot be told apart, or a file cannot be read.
    """

    def __init__(self, pair: Pair, *, provenance: bool = False) -> None:
        self._pair = pair
        self._info = pair.all(_sql("info"))
        self._tables = {
            table: Aligned(
                table,
                key,
                pair.columns("a", table),
                pair.columns("b", table),
                provenance=provenance,
            )
            for table, key in TABLES.items()
        }
        for aligned in self._tables.values():
            if not aligned.has_key:
                raise WarehouseError(
                    f"{' and '.join(map(str, pair.paths.values()))} cannot be compared: expected "
                    f"{' and '.join(TABLES[aligned.table])} in {aligned.table} on both sides"
                )
            for side in "ab":
                pair.all(aligned.view(side))

    def notes(self) -> list[Note]:
        """What explains differences and is none."""
        notes = [Note(name, a, b, _said(name, a, b)) for name, a, b in self._info]
        notes += [
            Note(aligned.table, None, None, f"{line}: not compared")
            for aligned in self._tables.values()
            for line in aligned.shape
            if self._of_two_versions
        ]
        if offsets := self._pair.all(_sql("offsets")):
            a = {each: offset for each, offset, _ in offsets}
            b = {each: offset for each, _, offset in offsets}
            notes.append(Note("log_offset", a, b, f"A has read {_read(a)}; B has read {_read(b)}"))
        [(a, b)] = self._pair.all(_sql("dead_letters"))
        if a != b:
            notes.append(Note("dead_letter", a, b, f"dead letters: {a:,} in A, {b:,} in B"))
        return notes

    def compare(self, table: str) -> Compared:
        """What is the same in a table of both sides, and how many rows are not."""
        aligned = self._tables[table]
        self._pair.all(f"create or replace temp view a_row as from a_{table}")
        self._pair.all(f"create or replace temp view b_row as from b_{table}")
        [(rows_a, rows_b, content_a, content_b, same)] = self._pair.all(_sql("digest"))
        compared = Compared(
            table,
            (rows_a, rows_b),
            (content_a, content_b),
            shape=[] if self._of_two_versions else aligned.shape,
        )
        return compared if same else self._count(compared, aligned)

    def _count(self, compared: Compared, aligned: Aligned) -> Compared:
        """The same with what differs, which stands in `differing` from now on."""
        self._pair.all(_sql("suspect"), {"rows_a_pass": ROWS_A_PASS})
        self._pair.all(_sql("undecided"))
        columns: Counter[str] = Counter()
        for (number,) in self._pair.all("select distinct pass from suspect order by pass"):
            self._pair.all(_sql("differing"), {"pass": number})
            for counts in self._pair.all(aligned.counts(), {"pass": number}):
                columns.update(dict(zip(aligned.compared, counts, strict=True)))
        [(only_in_a, only_in_b, different, doubled)] = self._pair.all(_sql("counted"))
        return replace(
            compared,
            only_in_a=only_in_a,
            only_in_b=only_in_b,
            different=different,
            doubled=doubled,
            columns={name: columns[name] for name in aligned.compared if columns[name]},
        )

    def differences(self, compared: Compared, most: int) -> Iterator[Difference]:
        """The first so many differences of the table that was compared last, in order of their keys."""
        if not compared.differing:
            return
        self._pair.all(_sql("shown"), {"most": most})
        self._pair.all(_sql("changed" if compared.table == "pageview" else "unchanged"))
        for rows in self._pair.some(_sql("differences")):
            for key, a, b, facts_of_a, facts_of_b in rows:
                yield Difference(key, a, b, (_places(facts_of_a), _places(facts_of_b)))

    @property
    def _of_two_versions(self) -> bool:
        return any(name == "schema_version" for name, *_ in self._info)


def _said(name: str, a: str | None, b: str | None) -> str:
    said = f"{name} is {_shown(a)} in A and {_shown(b)} in B"
    return f"{said}: {EXPLAINS[name]}" if name in EXPLAINS else said


def _shown(value: str | None) -> str:
    if value is None:
        return "not there"
    return value if len(value) <= MOST_SHOWN else f"{value[: MOST_SHOWN - 1]}…"


def _read(offsets: dict[int, int | None]) -> str:
    """As `up to 0:17, nothing of 1`, the first few partitions."""
    said = [
        f"nothing of {each}" if offset is None else f"up to {each}:{offset}"
        for each, offset in list(offsets.items())[:MOST_PARTITIONS]
    ]
    more = len(offsets) - len(said)
    return ", ".join(said) + (f" and so on for {more} more partitions" if more else "")


def _places(facts: list[dict[str, int]] | None) -> list[str]:
    return [f"{each['partition']}:{each['offset']}" for each in facts or []]


@cache
def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()
