"""The search for what is left of visitors, file by file."""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dwell.commands.forget.needles import Halves, Hit, Needles
from dwell.consumers.forgetting import OWN, is_draft_at_work
from dwell.errors import WarehouseError
from dwell.settings import Settings
from dwell.warehouse import remains
from dwell.warehouse.remains import HEADERS, Inside

MAGIC = 16
TRUTH = "simulated-visitors.truth.jsonl"
"""What `dwell simulate` writes into the data folder, unless it is told another file."""
DRAFT_SECONDS = 30.0
"""How long a draft that somebody is at may take: then it stands where it belongs, which is searched after
it, or is gone."""
LOOK_SECONDS = 0.05
COPIES = 5
"""So often a file is copied that its owner goes on writing, until it stood still meanwhile."""


@dataclass
class Searched:
    """What the search of a file came to.

    Attributes:
        kind: what it is.
        found: where in it something is left of the visitors, a line each.
        orders: how often the order to forget them stands in it.
        notes: what else is to be known of it.
        problem: why it could not be searched whole.
    """

    path: Path
    kind: str
    found: list[str] = field(default_factory=list)
    orders: int = 0
    notes: list[str] = field(default_factory=list)
    problem: str | None = None


class Search:
    """Searches files for visitors, and for sessions and pageviews that were theirs alone."""

    def __init__(self, settings: Settings, visitors: Sequence[str], further: Sequence[str]) -> None:
        self._settings = settings
        self._ids = list(dict.fromkeys([*visitors, *further]))
        self._needles = Needles(self._ids)
        self._halves = Halves(visitors)

    def run(self) -> Iterator[Searched]:
        """Every file of the data folder, of the archive and of the log, in turn."""
        for path in files(self._settings):
            try:
                _wait_for_draft(path)
                yield self._file(path)
            except FileNotFoundError:
                continue  # it came and went: a draft of a publication
            except OSError as error:
                yield Searched(path, "file", problem=str(error.strerror))

    def _file(self, path: Path) -> Searched:
        kind = kind_of(path)
        searched = Searched(path, kind)
        inside = Inside()
        try:
            inside = self._read(path, kind)
        except WarehouseError as error:
            searched.problem = str(error)
        hits = list(self._needles.in_file(path))
        _tell_rows(searched, inside)
        _tell_bytes(searched, hits, inside)
        if kind in ("SQLite", "SQLite's write-ahead log"):
            lone = list(self._halves.lone(path))
            if lone:
                searched.found.append(f"half an id at the edge of a page, at byte {lone[0]}")
        return searched

    def _read(self, path: Path, kind: str) -> Inside:
        """Its rows, if it has some that may be compressed."""
        if kind == "Parquet":
            return remains.in_parquet(path, self._ids)
        if kind != "DuckDB":
            return Inside()
        if self._settings.live not in path.parents:
            return remains.in_warehouse(path, self._ids)
        prefix = f"{OWN}-{os.getpid()}-"
        with tempfile.TemporaryDirectory(dir=self._settings.live, prefix=prefix) as folder:
            return remains.in_warehouse(copied(path, Path(folder)), self._ids)


def files(settings: Settings) -> list[Path]:
    """Every file of the installation, but for locks and what a search makes."""
    folders = [settings.data, settings.archive_folder]
    log = settings.embedded_log if not settings.kafka_servers else None
    beside = log.parent.glob(f"{log.name}*") if log else ()
    found = {
        Path(folder) / name
        for top in folders
        for folder, _, names in os.walk(top)
        if not Path(folder).name.startswith(OWN)
        for name in names
    }
    found |= {path for path in beside if path.is_file()}
    return sorted(path for path in found if path.is_file() and not path.name.endswith(".lock"))


def _wait_for_draft(path: Path) -> None:
    deadline = time.monotonic() + DRAFT_SECONDS
    while is_draft_at_work(path) and path.exists() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def kind_of(path: Path) -> str:
    """What a file is, by its first bytes or its name."""
    with path.open("rb") as file:
        head = file.read(MAGIC)
    if head.startswith(b"SQLite format 3\0"):
        return "SQLite"
    if head[8:12] == b"DUCK":
        return "DuckDB"
    if path.name == TRUTH:
        return "truth of `dwell simulate`, which is not erased from: remove the file"
    if head.startswith(b"PAR1"):
        return "Parquet"
    if path.name.endswith("-wal"):
        return "SQLite's write-ahead log"
    if ".wal" in path.suffixes:
        return "DuckDB's write-ahead log"
    return "file"


def copied(path: Path, folder: Path) -> Path:
    """A whole copy of a DuckDB file that a process may be writing, with its write-ahead log.

    Between two checkpoints the file stands still, and the write-ahead log only grows.

    Raises:
        WarehouseError: it did not stand still.
    """
    copy = folder / "copy.duckdb"
    for _ in range(COPIES):
        before = _headers(path)
        shutil.copyfile(path, copy)
        wal = path.with_name(f"{path.name}.wal")
        copy.with_name(f"{copy.name}.wal").unlink(missing_ok=True)
        if wal.exists():
            shutil.copyfile(wal, copy.with_name(f"{copy.name}.wal"))
        if _headers(path) == before:
            return copy
    raise WarehouseError(
        f"{path} is written all the time: expected it to stand still; search again"
    )


def _headers(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_ino, file.read(HEADERS)


def _tell_rows(searched: Searched, inside: Inside) -> None:
    searched.found += [f"{count} rows by {column}" for column, count in inside.rows.items()]
    searched.orders += inside.orders
    if inside.scrub_due:
        searched.found.append("rows were erased, and the file is not written anew yet")
    if inside.free_blocks:
        searched.notes.append(f"{inside.free_blocks} free blocks, searched as bytes alone")


def _tell_bytes(searched: Searched, hits: list[Hit], inside: Inside) -> None:
    lost: Counter[str] = Counter()
    first: dict[str, int] = {}
    for hit in hits:
        if hit.in_order or any(begin <= hit.at < end for begin, end in inside.order_bytes):
            searched.orders += hit.in_order
            continue
        lost[hit.form] += 1
        first.setdefault(hit.form, hit.at)
    for form, count in lost.items():
        searched.found.append(f"{count} times as {form}, first at byte {first[form]}")
