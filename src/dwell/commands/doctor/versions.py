"""Whether what Dwell runs on is what it was made for."""

import platform
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version

from dwell.commands.doctor.finding import Finding, note, well, wrong
from dwell.settings import Settings

DUCKDB = ((1, 5), (3,))
"""The first version of DuckDB that will do, and the first that may not."""
RESET_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""Versions of SQLite, and with them the later ones of the same line, that do not lose what is committed
while two checkpoints follow each other (https://sqlite.org/wal.html#walresetbug)."""

Version = tuple[int, ...]


def versions(settings: Settings) -> Iterator[Finding]:
    """Of Dwell, Python, DuckDB and SQLite."""
    duckdb = version("duckdb")
    said = (
        f"Dwell {version('dwell')}, Python {platform.python_version()}, DuckDB {duckdb}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
    first, last = DUCKDB
    if first <= parsed(duckdb) < last:
        yield well("versions", said)
    else:
        yield wrong(
            "versions", said, f"expected DuckDB {_dotted(first)} or later, before {last[0]}"
        )
    if not settings.kafka_servers and not resets_well(sqlite3.sqlite_version_info):
        yield note(
            "SQLite",
            f"{sqlite3.sqlite_version} can, very rarely, damage a log that two processes write at once, as the "
            "site and `dwell prune` or `dwell forget`",
            f"a Python whose SQLite is {', '.join(map(_dotted, RESET_FIXED))} or later of its line; "
            "sqlite.org/wal.html, at the end, tells of it",
        )


def resets_well(found: Version) -> bool:
    """Whether this SQLite has the fault no more."""
    newest = RESET_FIXED[0]
    return found >= newest or any(found[:2] == each[:2] and found >= each for each in RESET_FIXED)


def parsed(text: str) -> Version:
    """The numbers of a version, up to what is no number."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _dotted(numbers: Version) -> str:
    return ".".join(map(str, numbers))
