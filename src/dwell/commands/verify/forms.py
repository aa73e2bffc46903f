"""The forms in which a comparison is told: for people, as one JSON object, as CSV."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from dwell import separated
from dwell.commands.sql.forms import plain, safe
from dwell.warehouse.comparison import Compared, Difference, Note

MOST_FACTS = 8
"""Facts of a row that people are shown, from each side."""
LONGEST_VALUE = 120
"""Characters of a value that people are shown."""

HEADS = ("table", "rows in A", "rows in B", "only in A", "only in B", "different", "content")
FIELDS = ("table", "key", "how", "column", "a", "b", "facts_in_a", "facts_in_b")


class Form(ABC):
    """How a comparison is told while it goes on, in bounded memory."""

    def __init__(self, sink: IO[str], a: Path, b: Path) -> None:
        self._sink = sink
        self._paths = {"a": a, "b": b}

    @abstractmethod
    def begin(self, notes: Sequence[Note]) -> None:
        """Before the first table."""

    @abstractmethod
    def table(self, compared: Compared) -> None:
        """One more table; its differences follow."""

    @abstractmethod
    def difference(self, compared: Compared, difference: Difference) -> None:
        """One more of this table."""

    @abstractmethod
    def end(self, same: bool) -> None:
        """After the last table."""


class Text(Form):
    """For people: row by row what differs, then how much does, what explains it, and the verdict."""

    def __init__(self, sink: IO[str], a: Path, b: Path) -> None:
        super().__init__(sink, a, b)
        self._notes: Sequence[Note] = ()
        self._compared: list[Compared] = []
        self._told = 0

    def begin(self, notes: Sequence[Note]) -> None:
        self._notes = notes

    def table(self, compared: Compared) -> None:
        self._close_table()
        self._compared.append(compared)

    def difference(self, compared: Compared, difference: Difference) -> None:
        self._told += 1
        self._say(f"{compared.table} {safe(key_of(difference))}: {how(difference)}")
        lines = [*_values(difference), ("made by", _facts(difference))]
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            self._say(f"  {name.ljust(width)}  {text}".rstrip())

    def end(self, same: bool) -> None:
        self._close_table()
        for name, path in self._paths.items():
            self._say(f"{name.upper()}  {path}")
        self._say()
        self._summarise()
        self._say()
        for line in self._remarks():
            self._say(line)
        self._say(verdict(self._compared, same))

    def _close_table(self) -> None:
        """Say how many more differ in the table that was told last."""
        if self._told and (more := self._compared[-1].differing - self._told):
            self._say(f"and {more:,} more of {self._compared[-1].table}: --limit 0 shows all")
        if self._told:
            self._say()
        self._told = 0

    def _summarise(self) -> None:
        lines = [HEADS, *map(_figures, self._compared)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for name, *figures, content in lines:
            padded = (each.rjust(width) for each, width in zip(figures, widths[1:-1], strict=True))
            self._say("  ".join([name.ljust(widths[0]), *padded, content]))

    def _remarks(self) -> Iterator[str]:
        for compared in self._compared:
            yield from compared.shape
            if compared.columns:
                counted = (f"{name} in {rows:,}" for name, rows in compared.columns.items())
                yield f"columns of {compared.table} that differ: {', '.join(counted)}"
            if compared.doubled:
                yield f"keys of {compared.table} that have several rows: {compared.doubled:,}"
        for note in self._notes:
            yield f"note: {safe(note.says)}"

    def _say(self, line: str = "") -> None:
        self._sink.write(line + "\n")


class Json(Form):
    """One object: what was compared, notes, tables with their differences, and whether all is the same."""

    def __init__(self, sink: IO[str], a: Path, b: Path) -> None:
        super().__init__(sink, a, b)
        self._tables = 0
        self._told = 0

    def begin(self, notes: Sequence[Note]) -> None:
        told = [
            {"about": each.about, "a": _json(each.a), "b": _json(each.b), "says": each.says}
            for each in notes
        ]
        self._sink.write(_text(_json(self._paths) | {"notes": told})[:-1] + ', "tables": [')

    def table(self, compared: Compared) -> None:
        self._close_table()
        self._tables += 1
        self._told = 0
        self._sink.write(",\n" if self._tables > 1 else "\n")
        figures = {
            "table": compared.table,
            "same": compared.same,
            "rows_in_a": compared.rows[0],
            "rows_in_b": compared.rows[1],
            "content_of_a": _hash(compared.content[0]),
            "content_of_b": _hash(compared.content[1]),
            "only_in_a": compared.only_in_a,
            "only_in_b": compared.only_in_b,
            "different": compared.different,
            "doubled": compared.doubled,
            "columns": compared.columns,
            "shape": compared.shape,
        }
        self._sink.write(_text(figures)[:-1] + ', "differences": [')

    def difference(self, compared: Compared, difference: Difference) -> None:
        self._told += 1
        told = {
            "key": _json(difference.key),
            "how": how(difference),
            "columns": list(difference.columns),
            "a": _json(difference.a),
            "b": _json(difference.b),
            "facts_in_a": difference.facts[0],
            "facts_in_b": difference.facts[1],
        }
        self._sink.write((",\n" if self._told > 1 else "\n") + _text(told))

    def end(self, same: bool) -> None:
        self._close_table()
        self._sink.write(f'\n], "same": {_text(same)}}}\n')

    def _close_table(self) -> None:
        if self._tables:
            self._sink.write("\n]}" if self._told else "]}")


class Csv(Form):
    """A line for each value that differs; what else there is to say goes to standard error."""

    def __init__(self, sink: IO[str], a: Path, b: Path) -> None:
        super().__init__(sink, a, b)
        self._writer = separated.writer(sink)
        self._notes: Sequence[Note] = ()
        self._compared: list[Compared] = []

    def begin(self, notes: Sequence[Note]) -> None:
        self._notes = notes
        self._writer.writerow(FIELDS)

    def table(self, compared: Compared) -> None:
        self._compared.append(compared)

    def difference(self, compared: Compared, difference: Difference) -> None:
        known = compared.table, key_of(difference), how(difference)
        facts = " ".join(difference.facts[0]), " ".join(difference.facts[1])
        for column, a, b in _cells(difference):
            self._writer.writerow([*known, column, _plain(a), _plain(b), *facts])

    def end(self, same: bool) -> None:
        for line in (line for compared in self._compared for line in compared.shape):
            click.echo(line, err=True)
        for note in self._notes:
            click.echo(f"note: {safe(note.says)}", err=True)
        click.echo(verdict(self._compared, same), err=True)


FORMS: dict[str, type[Form]] = {"table": Text, "json": Json, "csv": Csv}


def verdict(compared: Sequence[Compared], same: bool) -> str:
    """In one line."""
    if same:
        return "the same"
    rows = sum(each.differing for each in compared)
    shapes = sum(len(each.shape) for each in compared)
    said = [f"{rows:,} rows" if rows != 1 else "1 row"] * bool(rows)
    said += [f"{shapes:,} columns" if shapes != 1 else "1 column"] * bool(shapes)
    return f"different in {' and '.join(said)}"


def how(difference: Difference) -> str:
    """In which way the rows of a key differ."""
    a, b = len(difference.a), len(difference.b)
    if a > 1 or b > 1:
        return f"{a} rows in A, {b} in B"
    return "different" if a and b else "only in A" if a else "only in B"


def key_of(difference: Difference) -> str:
    """As facts are named: `pageview_id:seq`."""
    return ":".join(map(str, difference.key.values()))


def _figures(compared: Compared) -> tuple[str, ...]:
    counts = (*compared.rows, compared.only_in_a, compared.only_in_b, compared.different)
    a, b = map(_hash, compared.content)
    return compared.table, *(f"{each:,}" for each in counts), a if a == b else f"{a} and {b}"


def _values(difference: Difference) -> Iterator[tuple[str, str]]:
    """What people are shown of the columns: both values, or the row that one side alone has."""
    for name, (a, b) in difference.columns.items():
        yield name, f"{_cut(a)} in A, {_cut(b)} in B"
    if not (difference.a and difference.b):
        [row, *_] = difference.a or difference.b
        for name, value in row.items():
            if name not in difference.key and value is not None:
                yield name, _cut(value)


def _cells(difference: Difference) -> Iterator[tuple[str, Any, Any]]:
    """Column, value in A and in B, of what differs; whole rows if a side has several."""
    if len(difference.a) > 1 or len(difference.b) > 1:
        yield "", difference.a, difference.b
        return
    for name, (a, b) in difference.columns.items():
        yield name, a, b
    if not (difference.a and difference.b):
        [a] = difference.a or [{}]
        [b] = difference.b or [{}]
        for name in a or b:
            yield name, a.get(name), b.get(name)


def _facts(difference: Difference) -> str:
    a, b = map(_listed, difference.facts)
    if not (difference.a and difference.b):
        return a if difference.a else b
    return a if a == b else f"{a} in A; {b} in B"


def _listed(facts: list[str]) -> str:
    more = len(facts) - MOST_FACTS
    return (", ".join(facts[:MOST_FACTS]) or "none") + (f" and {more} more" if more > 0 else "")


def _cut(value: Any) -> str:
    text = (
        "null" if value is None else safe(plain(_json(value) if isinstance(value, list) else value))
    )
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _plain(value: Any) -> str:
    return "" if value is None else plain(_json(value))


def _hash(content: int) -> str:
    return f"{content:016x}"


def _json(value: Any) -> Any:
    """As JSON has it: times by ISO 8601, ids as text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case list():
            return [_json(each) for each in value]
        case dict():
            return {str(name): _json(each) for name, each in value.items()}
    return str(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
