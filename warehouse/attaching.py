"""Attaching a DuckDB file."""

from pathlib import Path

from dwell.warehouse.quoting import quoted


def attach(path: Path, name: str, *options: str) -> str:
    """The statement that attaches a file as `name`.

    It says that the file is DuckDB's. Else DuckDB 2.0 opens it twice, once to see what it is, and a
    rename in between gives it the head of one file with the blocks of another.

    Args:
        options: as `read_only`.
    """
    return f"attach {quoted(path)} as {name} ({', '.join(('type duckdb', *options))})"
