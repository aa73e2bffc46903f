"""The machine and the versions that a figure belongs to, without naming any host."""

import os
import platform
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "dwell",
    "duckdb",
    "pyarrow",
    "pydantic",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "msgspec",
    "aiokafka",
)


def conditions() -> Iterator[tuple[str, str]]:
    """What to print above a table: date, machine, versions."""
    yield "date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    yield "machine", f"{_processor()}, {os.cpu_count()} cores, {_memory()}"
    yield "system", f"{platform.system()} {platform.release().partition('-')[0]}"
    yield "Python", f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield "packages", ", ".join(_packages())
    yield "load", f"{os.getloadavg()[0]:.1f} processes wanted to run in the minute before"


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> str:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return "memory unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
