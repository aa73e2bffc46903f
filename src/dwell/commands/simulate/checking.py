"""The published warehouse against the truth file, compared in SQL."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.json
from rich.console import Console
from rich.table import Table

from dwell.errors import DwellError, WarehouseError
from dwell.warehouse.asking import asking, interruptibly

COMPARISONS = {
    "facts": "visibility, engagement so far",
    "pageviews": "session, visitor, view, engagement, facts lost",
    "sessions": "visitor, agent, pageviews",
}
"""What is compared, and what of it."""
VERDICTS = {
    "lost": "found is null",
    "invented": "expected is null",
    "doubled": "expected is not null and found.rows > 1",
    "changed": "expected is not null and found.rows = 1 and expected <> found",
}
"""How a row can differ, as SQL; of the rows that are right none applies."""
SHOWN = 3
"""Differences of each kind that are shown."""
LOOK_EVERY = 0.25
BLOCK_BYTES = 16 << 20

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("session", pa.string()),
    ("visitor", pa.string()),
    ("agent", pa.string()),
    ("started_at", pa.int64()),
    ("pageview", pa.string()),
    ("view", pa.string()),
    ("previous", pa.string()),
    ("previous_seq", pa.int32()),
    ("engagement_ms", pa.int64()),
    ("seq", pa.list_(pa.int32())),
    ("visibility", pa.list_(pa.string())),
    ("visible_ms", pa.list_(pa.int64())),
    ("settled", pa.string()),
]
LINE = pa.schema(_COLUMNS)
"""The columns of all kinds of lines of a truth file."""

_SQL = files("dwell.commands.simulate") / "comparisons"


class TruthMissing(DwellError):
    """There is no truth file, or it cannot be read, or it says nothing."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one comparison.

    Attributes:
        rows: how many were compared.
        verdicts: how many of them differ, by how.
        examples: id, expected and found of the first few; `None` for what is not there.
    """

    rows: int
    verdicts: dict[str, int]
    examples: list[tuple[str, Any, Any]]

    @property
    def different(self) -> int:
        """How many differ."""
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the warehouse is against the truth.

    Attributes:
        tables: what came of each of `COMPARISONS`.
        dropped: how many sessions are gone as they began before the warehouse's horizon.
    """

    tables: dict[str, Compared]
    dropped: int

    @property
    def different(self) -> int:
        """How many rows differ."""
        return sum(compared.different for compared in self.tables.values())


def compare(published: Path, truth: Path) -> Comparison:
    """Compare every settled fact, every pageview and every session of the simulation. Where rows are
    kept for a while only, a session that began earlier is there whole, or gone whole.

    Raises:
        TruthMissing: there is no truth file, or it cannot be read.
        WarehouseError: there is no published warehouse, or it cannot be read.
        QueryFailed: it is no warehouse of this version of Dwell.
    """
    with asking(published) as connection:
        return interruptibly(connection, lambda: _compared_all(connection, truth))


def _compared_all(connection: Any, truth: Path) -> Comparison:
    connection.execute(_sql("truth"))
    for batch in _lines(truth):
        connection.register("line", batch)
        connection.execute("insert into truth by name from line")
    connection.execute(_sql("dropped"))
    [(dropped,)] = connection.execute("select count(*) from dropped_session").fetchall()
    connection.execute(_sql("arrived"))
    return Comparison({name: _compared(connection, name) for name in COMPARISONS}, dropped)


def _lines(truth: Path) -> Iterator[pa.RecordBatch]:
    """The truth file, some megabytes at a time."""
    try:
        with pyarrow.json.open_json(
            truth,
            read_options=pyarrow.json.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=LINE, unexpected_field_behavior="ignore"
            ),
        ) as reader:
            yield from reader
    except FileNotFoundError:
        raise TruthMissing(
            f"{truth} is missing: expected the truth file of a `dwell simulate`"
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise TruthMissing(f"{truth} cannot be read: {error}") from None


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()


def _compared(connection: Any, name: str) -> Compared:
    query = _sql(name)
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in VERDICTS.values())
    rows, *differing = connection.execute(f"select count(*), {counts} from ({query})").fetchone()  # noqa: S608
    examples = []
    if any(differing):
        examples = connection.execute(
            f"select * from ({query}) where expected is distinct from found order by id limit {SHOWN}"  # noqa: S608
        ).fetchall()
    return Compared(rows, dict(zip(VERDICTS, differing, strict=True)), examples)


def compare_within(published: Path, truth: Path, wait: float) -> Comparison:
    """Compare, and again with each new publication, until all is the same or `wait` s are over.

    Raises:
        TruthMissing, WarehouseError: as `compare`, when the time is over.
    """
    deadline = time.monotonic() + wait
    while True:
        seen = _version(published)
        late = time.monotonic() >= deadline
        try:
            result = compare(published, truth)
        except WarehouseError:
            if late:
                raise
        else:
            if late or not result.different:
                return result
        while _version(published) == seen and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)


def _version(published: Path) -> tuple[int, int] | None:
    """Changes with each publication."""
    try:
        status = published.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def report(published: Path, truth: Path, wait: float) -> int:
    """Compare and print what came of it; returns the exit status, 0 or 1.

    Raises:
        TruthMissing, WarehouseError, QueryFailed: nobody can tell.
    """
    result = compare_within(published, truth, wait)
    if not result.tables["facts"].rows:
        kept = " of a session that is kept" if result.dropped else ""
        raise TruthMissing(f"{truth} tells of no settled fact{kept}: there is nothing to compare")
    table = Table("compared", "what of it", "rows", *VERDICTS)
    for column in table.columns[2:]:
        column.justify = "right"
    for name, compared in result.tables.items():
        figures = (compared.rows, *compared.verdicts.values())
        table.add_row(name, COMPARISONS[name], *(f"{figure:,}" for figure in figures))
    Console().print(table)
    for name, compared in result.tables.items():
        for id_, expected, found in compared.examples:
            click.echo(f"{name} {id_}\n  expected {_text(expected)}\n  found    {_text(found)}")
    if result.dropped:
        click.echo(f"{result.dropped:,} sessions began before rows are kept, and are gone whole")
    verdict = f"different in {result.different:,} rows" if result.different else "the same"
    click.echo(f"{published} against {truth}: {verdict}")
    return 1 if result.different else 0


def _text(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)
