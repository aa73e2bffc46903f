"""The forms a result can take: a table for people, CSV, JSON and Parquet for programs."""

import json as json_text
import math
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, count, islice
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dwell import separated
from dwell.warehouse.session import Result

ROWS_ON_TERMINAL = 200
"""Rows of a table that a terminal shows; a file or a pipe gets all."""
ROWS_MEASURED = 1_000
"""Rows that decide how wide the columns of a plain table are."""
GAP = 3
"""Characters between two columns of a grid."""
LEAST_COLUMN = 14
"""Characters that a column of a grid keeps at least, if it wants them."""
BESIDE = "  "
"""Between a name and a value, row by row."""
LONGEST_CELL = 200
"""Characters of a value that a terminal's table shows at most."""

Row = tuple[Any, ...]

NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|BIGNUM|DECIMAL\(.*\)")
SHORT = re.compile(rf"({NUMBER.pattern})$|BOOLEAN$|DATE$|TIME")


def rows_of(result: Result) -> Iterator[Row]:
    """The rows as Python values; JSON stays text."""
    for batch in result.batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def table(result: Result, sink: IO[str]) -> None:
    """A table that reads well: fitted to a terminal, or plain and complete."""
    if sink.isatty():
        _fitted(result, sink)
    else:
        _plain(result, sink)


def _fitted(result: Result, sink: IO[str]) -> None:
    rows = list(islice(rows_of(result), ROWS_ON_TERMINAL + 1))
    cells = [[_cell(value) for value in row] for row in rows[:ROWS_ON_TERMINAL]]
    console = Console(file=sink, highlight=False, width=shutil.get_terminal_size().columns)
    widths = _widths(result, cells, console.width)
    if widths is None:
        _records(result, cells, console)
    else:
        _grid(result, cells, widths, console)
    if len(rows) > len(cells):
        note = f"the first {len(cells)} rows; there are more: add a limit, or --format csv for all"
        console.print(note, style="dim")
    else:
        console.print(_counted(len(cells)), style="dim")


def _widths(result: Result, cells: list[list[Text]], room: int) -> list[int] | None:
    """How wide each column of a grid is, numbers and times uncut; None if it takes more room."""
    headed = zip((Text(safe(name)) for name in result.columns), *cells, strict=True)
    wanted = [max(each.cell_len for each in column) for column in headed]
    widths = [
        want if SHORT.match(kind) else min(want, LEAST_COLUMN)
        for want, kind in zip(wanted, result.types, strict=True)
    ]
    left = room - sum(widths) - GAP * (len(widths) - 1)
    if left < 0:
        return None
    cut = [index for index, want in enumerate(wanted) if want > widths[index]]
    # Who wants least is served first and leaves the rest to the others.
    for others, index in enumerate(sorted(cut, key=lambda index: wanted[index])):
        more = min(left // (len(cut) - others), wanted[index] - widths[index])
        widths[index] += more
        left -= more
    return widths


def _grid(result: Result, cells: list[list[Text]], widths: list[int], console: Console) -> None:
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
    for name, kind, width in zip(result.columns, result.types, widths, strict=True):
        justify: Literal["left", "right"] = "right" if NUMBER.fullmatch(kind) else "left"
        grid.add_column(
            Text(safe(name)), justify=justify, width=width, no_wrap=True, overflow="ellipsis"
        )
    for row in cells:
        grid.add_row(*row)
    console.print(grid)


def _records(result: Result, cells: list[list[Text]], console: Console) -> None:
    """Row by row with a line for each column: what is too wide for a grid. Values are cut, no names."""
    names = [Text(safe(name), style="bold") for name in result.columns]
    width = max(name.cell_len for name in names)
    room = max(console.width - width - len(BESIDE), LEAST_COLUMN)
    for number, row in enumerate(cells, 1):
        console.rule(f"row {number}", align="left", style="dim")
        for name, cell in zip(names, row, strict=True):
            cell.truncate(room, overflow="ellipsis")
            blank = " " * (width - name.cell_len)
            line = Text.assemble(name, blank, BESIDE, cell)
            console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("null", style="dim")
    text = readable(value)
    return Text(text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…")


def _plain(result: Result, sink: IO[str]) -> None:
    """Columns as wide as the first rows want; a longer value further down is not cut."""
    rows = (["null" if each is None else readable(each) for each in row] for row in rows_of(result))
    first = list(islice(rows, ROWS_MEASURED))
    names = [safe(name) for name in result.columns]
    widths = [max(map(cell_len, cells)) for cells in zip(names, *first, strict=True)]
    numeric = [NUMBER.fullmatch(kind) is not None for kind in result.types]

    def line(cells: list[str]) -> str:
        padded = []
        for cell, width, to_the_right in zip(cells, widths, numeric, strict=True):
            blank = " " * (width - cell_len(cell))
            padded.append(blank + cell if to_the_right else cell + blank)
        return "  ".join(padded).rstrip() + "\n"

    sink.write(line(names))
    sink.write("  ".join("-" * width for width in widths) + "\n")
    written = 0
    for cells in chain(first, rows):
        sink.write(line(cells))
        written += 1
    sink.write(f"({_counted(written)})\n")


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def csv(result: Result, sink: IO[str]) -> None:
    """RFC 4180 with a header and LF; null is an empty field, a nested value is JSON."""
    writer = separated.writer(sink)
    writer.writerow(result.columns)
    for batch in result.batches:
        writer.writerows(zip(*map(_fields, batch.columns), strict=True))


def _fields(column: "pa.Array[Any]") -> list[Any]:
    """Values as the csv module writes them right; for it, null and an empty text are the same."""
    values = column.to_pylist()
    if pa.types.is_string(column.type) or pa.types.is_integer(column.type):
        return values
    return [None if value is None else plain(value) for value in values]


def json(result: Result, sink: IO[str]) -> None:
    """One array with an object for each row; times as ISO 8601, JSON columns as what they hold; of
    columns with the same name, each has a name of its own."""
    holds_json = [kind == "JSON" for kind in result.types]
    names = distinct(result.columns)
    separator = "["
    for row in rows_of(result):
        fields = {
            name: json_text.loads(value) if embedded and value is not None else _jsonable(value)
            for name, value, embedded in zip(names, row, holds_json, strict=True)
        }
        sink.write(f"{separator}\n{json_text.dumps(fields, ensure_ascii=False)}")
        separator = ","
    sink.write("[]\n" if separator == "[" else "\n]\n")


def parquet(result: Result, sink: IO[bytes]) -> None:
    """Parquet with zstd; UUIDs and JSON are strings; each column has a name of its own."""
    names = distinct(result.columns)
    fields = [each.with_name(name) for each, name in zip(result.schema, names, strict=True)]
    schema = pa.schema(fields)
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in result.batches:
            writer.write_batch(batch.rename_columns(names))


def distinct(names: list[str]) -> list[str]:
    """The names, and as DuckDB has it a second `started_at` as `started_at_1`, or what is free."""
    taken = set(names)
    found: dict[str, None] = {}
    for name in names:
        free = name
        if name in found:
            free = next(each for n in count(1) if (each := f"{name}_{n}") not in taken)
            taken.add(free)
        found[free] = None
    return list(found)


def readable(value: Any) -> str:
    """A value for people: six decimals, and nothing in it that could steer a terminal."""
    if isinstance(value, float) and math.isfinite(value):
        rounded = round(value, 6)
        return repr(rounded) if rounded or not value else f"{value:.6g}"
    return safe(plain(value))


def plain(value: Any) -> str:
    """A value as text, whole."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            text = value.isoformat(sep=" ")
            return (
                text
                if not value.microsecond
                else text.replace(
                    f".{value.microsecond:06d}", f".{value.microsecond:06d}".rstrip("0")
                )
            )
        case bytes():
            return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02X}" for b in value)
        case pa.MonthDayNano():
            return _interval(value)
        case list() | dict() | tuple():
            return json_text.dumps(_jsonable(value), ensure_ascii=False)
    return str(value)


def _interval(value: pa.MonthDayNano) -> str:
    """As DuckDB writes it: 1 year 2 months 3 days 04:05:06.5."""
    years, months = divmod(value.months, 12)
    counted = {"year": years, "month": months, "day": value.days}
    parts = [f"{n} {unit}{'' if abs(n) == 1 else 's'}" for unit, n in counted.items() if n]
    if value.nanoseconds or not parts:
        seconds, rest = divmod(abs(value.nanoseconds), 1_000_000_000)
        sign = "-" if value.nanoseconds < 0 else ""
        fraction = f".{rest:09d}".rstrip("0") if rest else ""
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        parts.append(f"{sign}{clock}{fraction}")
    return " ".join(parts)


def _jsonable(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case pa.MonthDayNano():
            return _interval(value)
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case dict():
            return {str(name): _jsonable(item) for name, item in value.items()}
    return plain(value)


def safe(text: str) -> str:
    """Visitors choose what stands in some columns; an escape sequence is shown, not obeyed."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
