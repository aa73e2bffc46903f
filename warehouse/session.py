"""A person's session with the published warehouse: statement by statement, each on the newest one."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import duckdb
import pyarrow as pa

from dwell.errors import QueryFailed, WarehouseError
from dwell.warehouse.asking import Worker
from dwell.warehouse.catalogue import Table, tables_of
from dwell.warehouse.published import attach, identity_of, open_published

BATCH_ROWS = 10_000

Done = TypeVar("Done")

_READ_ONLY = "attached in read-only mode"
_NO_FILES = "file system operations are disabled by configuration"


@dataclass(frozen=True)
class Result:
    """What one statement answered, read as a stream: at most some ten thousand rows in memory.

    Attributes:
        types: DuckDB's names, as `VARCHAR` or `JSON`.
        batches: to be read once, before the next statement.
        last: whether it is the last statement's.
    """

    types: list[str]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    last: bool

    @property
    def columns(self) -> list[str]:
        """The names, which need not be distinct."""
        return list(self.schema.names)


class Session:
    """One person at one prompt. Temporary tables and settings last as long as the session.

    Not for several threads. Ctrl-C (`KeyboardInterrupt`) ends the running statement alone.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        identity = identity_of(path)
        self._connection = open_published(path)
        self._identity = identity
        # DuckDB hears no signal while it works: it works beside the thread that does.
        self._worker = Worker(self._connection)

    def close(self) -> None:
        """Let go of the warehouse."""
        self._worker.close()
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def published_at(self) -> datetime:
        """When the newest publication was made."""
        return datetime.fromtimestamp(self._path.stat().st_mtime, UTC)

    def run(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Result]:
        """Run the statements one after the other; yields a result for each that has rows to show.

        Parameters are bound to each; with some, a result is made whole before it is read.

        Raises:
            QueryFailed: with DuckDB's message; statements after the failed one are not run.
        """
        statements = self._call(lambda: self._connection.extract_statements(sql))
        if not statements:
            raise QueryFailed(
                "there is no statement: expected one such as select count(*) from pageview"
            )
        for number, statement in enumerate(statements, 1):
            self._refresh()
            reading = self._call(partial(self._execute, statement, parameters))
            if reading is not None:
                types, reader = reading
                try:
                    yield Result(
                        types, reader.schema, self._stream(reader), number == len(statements)
                    )
                finally:
                    # DuckDB 2.0 begins no statement while an older one has rows left.
                    reader.close()

    def tables(self) -> list[Table]:
        """The tables and views that unqualified names mean, in the order of their names."""
        self._refresh()
        return self._call(lambda: sorted(tables_of(self._connection), key=lambda each: each.name))

    def keywords(self) -> list[str]:
        """The words of DuckDB's SQL."""
        rows = self._connection.execute("select keyword_name from duckdb_keywords()").fetchall()
        return sorted({str(row[0]) for row in rows})

    def _execute(
        self, statement: duckdb.Statement, parameters: Mapping[str, Any] | None
    ) -> tuple[list[str], pa.RecordBatchReader] | None:
        relation = cast(
            "duckdb.DuckDBPyRelation | None",
            self._connection.sql(statement.query, params=parameters and dict(parameters)),
        )
        if relation is None:  # DuckDB 1.5, for what has no rows
            return None
        reader = relation.to_arrow_reader(BATCH_ROWS)
        answers = statement.type == duckdb.StatementType.SELECT
        if not answers and relation.columns in (["Count"], ["Success"]):  # DuckDB 2.0, for the same
            for _ in reader:
                pass
            reader.close()
            return None
        return [str(kind) for kind in relation.types], reader

    def _stream(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while (batch := self._call(lambda: next(reader, None))) is not None:
            yield batch

    def _refresh(self) -> None:
        """Go over to a newer publication, unless a transaction is open: that one sees one state."""
        identity = identity_of(self._path)
        if identity != self._identity and self._call(self._idle):
            self._identity = self._call(lambda: attach(self._connection, self._path))

    def _idle(self) -> bool:
        """Whether no transaction is open: then each statement is one of its own, with its own id."""
        try:
            first, second = (
                self._connection.execute("select txid_current()").fetchall() for _ in range(2)
            )
        except duckdb.Error:  # in one that failed nothing works but rollback
            return False
        return first != second

    def _call(self, work: Callable[[], Done]) -> Done:
        try:
            return self._worker.call(work)
        except WarehouseError:
            raise
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise QueryFailed(_message(error)) from None


def _message(error: Exception) -> str:
    lines = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    text = "\n".join(lines)
    if _READ_ONLY in text:
        return f"the published warehouse is read-only; `create temp table` works. DuckDB: {text}"
    if _NO_FILES in text:
        return (
            "the warehouse alone can be read here, and no file written by a statement;"
            f" --output FILE writes a result. DuckDB: {text}"
        )
    return text


_NOT_CODE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/""",
    re.VERBOSE | re.DOTALL,
)


def is_complete(sql: str) -> bool:
    """Whether the last statement ends with a `;` that is none of a string or a comment."""
    code = _NOT_CODE.sub("_" if sql else "", sql)
    return code.rstrip("_ \t\r\n").endswith(";") and not re.search(r"""['"]|/\*|\$\$""", code)
