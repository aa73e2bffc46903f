"""One export: the tables of a publication, written beside the target and then put in its place."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from dwell.commands.export import manifest
from dwell.commands.export.destination import check_free, draft_beside, put
from dwell.commands.export.manifest import Written
from dwell.commands.sql.answers import check_destination
from dwell.errors import DwellError
from dwell.settings import Settings
from dwell.warehouse.catalogue import Table
from dwell.warehouse.exporting import FORMS, Export, Period, exporting


def export(
    settings: Settings,
    names: Sequence[str],
    target: Path,
    form: str | None,
    period: Period,
    *,
    force: bool,
) -> int:
    """Export the tables of these names, or all, and say what was written.

    Raises:
        DwellError: there is no such table, or the target cannot be written; it is as it was.
        QueryFailed: DuckDB could not do it; likewise.
    """
    single = None if target.is_dir() else form_of(target)
    if single is not None and form not in (None, single):
        raise DwellError(
            f"--format is {form!r} and --to is '{target}': expected a name with .{form}"
        )
    check_destination(target, settings, "--to")
    if len(names) == 1:
        refuse_other_form(target, single)
    check_free(target, folder=single is None, force=force)
    with draft_beside(target) as draft:
        with exporting(settings.published, draft) as publication:
            tables = chosen(publication.tables, names)
            if single is not None and len(tables) != 1:
                raise DwellError(
                    f"--to is '{target}', one file, for {len(tables)} tables: expected a folder,"
                    f" or one table, as in dwell export pageview --to {target}"
                )
            published_at = publication.published_at
            written = [
                _write(publication, table, draft, single or form or "parquet", period)
                for table in tables
            ]
        if single is None:
            manifest.write(draft, published_at, period, written)
        put(draft if single is None else written[0].file, target, force=force)
    click.echo(_closing(written, target, published_at))
    return 0


def form_of(target: Path) -> str | None:
    """The form that the name of a file asks for; `None` for the name of a folder."""
    fitting = [form for form in FORMS if target.name.lower().endswith(f".{form}")]
    return max(fitting, key=len, default=None)


def refuse_other_form(target: Path, form: str | None) -> None:
    """Make sure that the name for one table, if it has an ending, has that of a form that can be written:
    tools go by it. A folder that is there may be named as it is.

    Raises:
        DwellError: it is not.
    """
    if form is None and not target.is_dir() and re.search(r"\.[A-Za-z]\w{0,9}$", target.name):
        forms = ", ".join(f".{each}" for each in FORMS)
        raise DwellError(
            f"--to is '{target}': expected a file that ends in {forms}, or a folder whose name has no ending"
        )


def chosen(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    """The tables of these names, each once, or all.

    Raises:
        DwellError: there is no table of a name; the message says which there are.
    """
    known = {table.name: table for table in tables}
    for name in names:
        if name.lower() not in known:
            raise DwellError(
                f"there is no table {name!r}: expected one of {', '.join(sorted(known))}"
            )
    return [known[name] for name in dict.fromkeys(name.lower() for name in names)] or list(tables)


def _write(publication: Export, table: Table, draft: Path, form: str, period: Period) -> Written:
    file = draft / f"{table.name}.{form}"
    rows = publication.write(table, file, form, period)
    written = Written(table, file, rows, file.stat().st_size, period.moment_of(table))
    click.echo(_line(written, period))
    return written


def _line(written: Written, period: Period) -> str:
    if period == Period():
        by = ""
    elif written.moment is None:
        by = "  whole: it has no time to go by"
    else:
        by = f"  by {written.moment}"
    return f"{written.table.name:<24} {written.rows:>13,} rows {sized(written.bytes):>10}{by}"


def _closing(written: Sequence[Written], target: Path, published_at: str | None) -> str:
    tables = "1 table" if len(written) == 1 else f"{len(written)} tables"
    rows = sum(each.rows for each in written)
    size = sized(sum(each.bytes for each in written))
    state = f", as published at {published_at}" if published_at else ""
    return f"{tables}, {rows:,} rows, {size} in {target}{state}"


def sized(count: int) -> str:
    """Bytes as people read them: 512 bytes, 12.3 kB, 4.5 GB."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
