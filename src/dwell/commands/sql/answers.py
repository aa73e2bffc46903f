"""What `dwell sql` writes: one result, in one of its formats, in bounded memory."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dwell.commands.sql import forms
from dwell.commands.sql.words import is_word, say
from dwell.errors import DwellError, QueryFailed
from dwell.settings import Settings
from dwell.warehouse.published import LINKS
from dwell.warehouse.session import Result, Session

TEXT: dict[str, Callable[[Result, IO[str]], None]] = {
    "table": forms.table,
    "csv": forms.csv,
    "json": forms.json,
}


def answer(
    session: Session,
    sql: str,
    form: str,
    output: Path | None,
    parameters: Mapping[str, Any] | None = None,
) -> int:
    """Run the statements and write what they answer: each as a table, else the last one alone.

    Raises:
        QueryFailed: a statement failed, or the last one has no result to be written.
        DwellError: the result cannot be written there.
    """
    if is_word(sql):
        say(session, sql, sys.stdout)
        return 0
    written = form == "table" and output is None
    for result in session.run(sql, parameters):
        if form == "table" and output is None:
            forms.table(result, sys.stdout)
        elif result.last:
            with _destination(form, output) as sink:
                _write(form, result, sink)
            written = True
    if not written:
        raise QueryFailed("the last statement has no rows to write: expected a select")
    return 0


def _write(form: str, result: Result, sink: IO[Any]) -> None:
    if form == "parquet":
        forms.parquet(result, sink)
    else:
        TEXT[form](result, sink)


def check_destination(output: Path, settings: Settings, option: str = "--output") -> None:
    """Refuse a file of Dwell's own, given by that option.

    Raises:
        DwellError: it is one.
    """
    target, folder = output.resolve(), settings.data.resolve()
    # What DuckDB and readers put beside the warehouse begins with these, as do drafts of it.
    begins = (settings.published.name, LINKS)
    ours = target.is_relative_to(folder) and target.relative_to(folder).as_posix()
    if (
        target == settings.published.resolve()
        or target.is_relative_to(settings.live.resolve())
        or target.is_relative_to(settings.archive_folder.resolve())
        or (ours and ours.startswith(begins))
    ):
        raise DwellError(f"{option} is '{output}', a file of Dwell's own: expected another one")


@contextmanager
def _destination(form: str, output: Path | None) -> Iterator[IO[Any]]:
    """Standard output, or a file that is there when it is whole."""
    if output is None:
        if form == "parquet" and sys.stdout.isatty():
            raise DwellError("parquet is not for a terminal: give --output FILE, or a pipe")
        yield sys.stdout.buffer if form == "parquet" else sys.stdout
        sys.stdout.flush()
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with _open(form, draft) as sink:
            yield sink
        draft.replace(output)
    except OSError as error:
        raise DwellError(
            f"--output is '{output}', which cannot be written: {error.strerror}"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _open(form: str, path: Path) -> IO[Any]:
    return path.open("wb") if form == "parquet" else path.open("w", encoding="utf-8", newline="")
