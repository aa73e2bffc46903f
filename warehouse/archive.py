"""The archive: the log's records in Parquet, a folder a day, which outlive the log's retention.

`manifest.json` says which files there are and what they hold. It is replaced by rename, after the
files that it names are durable; a file that it does not name is a leftover.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import duckdb

from dwell.durable import sync
from dwell.errors import WarehouseError, WarehouseHeld
from dwell.locks import alone
from dwell.warehouse.quoting import quoted
from dwell.warehouse.reading import Forgotten, Verdict
from dwell.warehouse.rebuilding import Segment
from dwell.warehouse.segments import macros, put_parquet

FORMAT = 1
MANIFEST = "manifest.json"
MEMORY_LIMIT = "512MiB"


class Held(NamedTuple):
    """The offsets of a partition that the archive holds, from `first` until before `until`."""

    partition: int
    first: int
    until: int


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What a file of the archive holds: the records of one partition that were received on one day.

    Attributes:
        path: from the archive's folder.
        day: as 2026-03-01, in UTC.
        first: the least offset in it.
        until: the greatest one and 1. Between the two, offsets may belong to another day's file.
        records: how many.
        bytes: its size.
    """

    path: str
    partition: int
    day: str
    first: int
    until: int
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the archive holds, as it stands in `manifest.json`."""

    log_identity: str
    held: dict[int, Held] = field(default_factory=dict)
    files: tuple[ArchiveFile, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The folder's manifest; `None`: there is no archive.

        Raises:
            WarehouseError: it cannot be read, or a newer Dwell wrote it.
        """
        path = folder / MANIFEST
        try:
            raw = json.loads(path.read_text())
            if raw["format"] != FORMAT:
                raise WarehouseError(
                    f"{path} has format {raw['format']!r}: expected {FORMAT}, the one that this version "
                    "of Dwell reads"
                )
            return cls(
                raw["log_identity"],
                {each["partition"]: Held(**each) for each in raw["held"]},
                tuple(ArchiveFile(**each) for each in raw["files"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WarehouseError(
                f"{path} cannot be read ({error}): expected the manifest of an archive; bring it back "
                "from a copy"
            ) from None

    def write(self, folder: Path) -> None:
        """Put it in the place of the former one, durable."""
        draft = folder / f".{MANIFEST}"
        with draft.open("w") as file:
            json.dump(self._raw(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / MANIFEST)
        sync(folder)

    def _raw(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "log_identity": self.log_identity,
            "held": [each._asdict() for each in self.held.values()],
            "files": [asdict(each) for each in self.files],
        }


class Archive:
    """An archive as it was when it was opened. Files stay readable until a writer replaces them.

    Attributes:
        folder: where it is.
        manifest: what it holds.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """The archive in the folder, if there is one.

        Raises:
            WarehouseError: its manifest cannot be read.
        """
        manifest = Manifest.read(folder)
        return None if manifest is None else cls(folder, manifest)

    @property
    def log_identity(self) -> str:
        """The log whose records these are."""
        return self.manifest.log_identity

    @property
    def held(self) -> dict[int, Held]:
        """By partition, what it holds."""
        return self.manifest.held

    def segments(self, partition: int, first: int, until: int) -> list[Segment]:
        """The files with records of a partition from `first` until before `until`, day by day."""
        found = [
            Segment(
                self.folder / each.path,
                partition,
                max(first, each.first),
                min(until, each.until),
                whole=first <= each.first and each.until <= until,
                records=each.records,
            )
            for each in self.manifest.files
            if each.partition == partition and each.first < until and first < each.until
        ]
        return sorted(found, key=lambda each: each.first)

    def offset_at(self, partition: int, moment: int) -> int | None:
        """The least offset of a record received at `moment` (milliseconds since 1970) or later."""
        day = day_of(moment)
        later = [
            each for each in self.manifest.files if each.partition == partition and each.day >= day
        ]
        found = [each.first for each in later if each.day > day]
        for each in later:
            if each.day == day:
                found += self._offset_within(each, moment)
        return min(found, default=None)

    def raw(self) -> Iterator[tuple[int, int, bytes]]:
        """Partition, offset and value of every record that is no fact: erasures are among them."""
        with _reading() as connection:
            yield from _raw(connection, [self.folder / each.path for each in self.manifest.files])

    def read(self, partition: int, first: int, most: int) -> list[tuple[int, int, bytes, bytes]]:
        """The next records from an offset on, byte by byte, some `most` of them; none at its end.

        Returns:
            offset, timestamp in milliseconds, key and value of each.

        Raises:
            WarehouseError: a file cannot be read.
        """
        held = self.held.get(partition)
        segments = self.segments(partition, first, held.until) if held else []
        while segments:
            near = [each for each in segments if each.first < segments[0].until]
            rest = segments[len(near) :]
            until = rest[0].first if rest else max(each.until for each in near)
            if rows := self._read([each.path for each in near], first, until, most):
                return rows
            segments = rest
        return []

    def record(self, partition: int, offset: int) -> tuple[int, bytes, bytes] | None:
        """The record at a place, byte by byte: timestamp in milliseconds, key and value."""
        for found, received, key, value in self.read(partition, offset, 1):
            if found == offset:
                return received, key, value
        return None

    def _read(
        self, paths: list[Path], first: int, until: int, most: int
    ) -> list[tuple[int, int, bytes, bytes]]:
        try:
            with _reading() as connection:
                connection.execute(macros())
                return connection.execute(
                    'select "offset", received, key, value from whole_records(?) '
                    'where "offset" >= ? and "offset" < ? order by "offset" limit ?',
                    [list(map(str, paths)), first, until, most],
                ).fetchall()
        except duckdb.Error as error:
            first_line = str(error).partition("\n")[0]
            raise WarehouseError(f"{self.folder} cannot be read: {first_line}") from error

    def _offset_within(self, file: ArchiveFile, moment: int) -> list[int]:
        with _reading() as connection:
            [(found,)] = connection.execute(
                'select min("offset") from read_parquet(?) '
                'where coalesce(epoch_ms("timestamp"), received_at) >= ?',
                [str(self.folder / file.path), moment],
            ).fetchall()
        return [] if found is None else [found]


class ArchiveWriter:
    """Adds to an archive, or makes one. One at a time: the folder is held meanwhile.

    Raises:
        WarehouseHeld: another process writes to it.
        WarehouseError: its manifest cannot be read.
    """

    def __init__(self, folder: Path, log_identity: str) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder) or Manifest(log_identity)

    @classmethod
    @contextmanager
    def holding(cls, folder: Path, log_identity: str) -> Iterator[Self]:
        """A writer that holds the folder for the time of a `with`; leftovers are removed first."""
        folder.mkdir(parents=True, exist_ok=True)
        refusal = f"{folder} is being written by another process: expected one at a time"
        with alone(folder / ".lock", WarehouseHeld(refusal)):
            writer = cls(folder, log_identity)
            writer.sweep()
            yield writer

    def sweep(self) -> None:
        """Remove the files that the manifest does not name."""
        named = {self.folder / each.path for each in self.manifest.files}
        for path in self.folder.glob("day=*/*.parquet"):
            if path not in named:
                path.unlink()
        for draft in self.folder.glob("day=*/.*"):
            draft.unlink()

    def add(
        self,
        staged: Sequence[Segment],
        held: Iterable[Held],
        forgotten: Iterable[Forgotten],
        judge: Callable[[bytes], Verdict],
        done: Callable[[int], None],
    ) -> int:
        """Take in whole segments that follow what is held; returns how many records.

        A day's file that grows is written anew. The manifest follows when all files are durable, so
        whatever is killed when, the archive is as before or as after.

        Args:
            staged: in the order of the log.
            held: what the archive holds then.
            forgotten: whose facts are left out, beside those whom the segments say.
            judge: says what a record is that is no fact.
            done: told how many records more are written.

        Raises:
            WarehouseError: a file could not be written.
        """
        files = {(each.partition, each.day): each for each in self.manifest.files}
        before = sum(each.records for each in files.values())
        with _reading() as connection:
            told = _orders(_raw(connection, _paths(staged)), judge)
            forget(connection, [*forgotten, *told.values()], told)
            for (partition, day), paths in _by_day(connection, staged).items():
                former = files.get((partition, day))
                grown = self._grown(connection, paths, partition, day, former)
                files[partition, day] = grown
                done(grown.records - (former.records if former else 0))
        after = {each.partition: each for each in held}
        self._put(
            replace(
                self.manifest,
                held=self.manifest.held | after,
                files=tuple(each for each in files.values() if each.records),
            )
        )
        return sum(each.records for each in files.values()) - before

    def forget(self, forgotten: Iterable[Forgotten], judge: Callable[[bytes], Verdict]) -> int:
        """Write the files anew that have facts of these visitors; returns how many records went.

        The facts received up to the erasure go; the erasure itself stays. The manifest follows when
        all files are durable, and then the former ones are removed.

        Args:
            judge: says what a record is that is no fact.

        Raises:
            WarehouseError: a file could not be written.
        """
        changed: dict[str, ArchiveFile | None] = {}
        with _reading() as connection:
            paths = [self.folder / each.path for each in self.manifest.files]
            forget(connection, forgotten, _orders(_raw(connection, paths), judge))
            for file in self.manifest.files:
                rows = f"from {_file(self.folder / file.path)} as record"
                [(gone,)] = connection.execute(
                    f"select count(*) {rows} where not ({KEPT})"
                ).fetchall()
                if gone:
                    kept = f"{rows} where {KEPT}"
                    after = self._written(connection, kept, file.partition, file.day)
                    changed[file.path] = after if after.records else None
        before = sum(each.records for each in self.manifest.files)
        files = (changed.get(each.path, each) for each in self.manifest.files)
        self._put(replace(self.manifest, files=tuple(each for each in files if each)))
        return before - sum(each.records for each in self.manifest.files)

    def _put(self, manifest: Manifest) -> None:
        ordered = sorted(manifest.files, key=lambda each: (each.day, each.partition))
        self.manifest = replace(manifest, files=tuple(ordered))
        self.manifest.write(self.folder)
        self.sweep()

    def _grown(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: Sequence[Path],
        partition: int,
        day: str,
        former: ArchiveFile | None,
    ) -> ArchiveFile:
        """A day's file with what was staged of it; it may come to nothing, if all is forgotten."""
        rows = (
            f"select * exclude (received, filename) from {_rows(staged)} as record "  # noqa: S608
            f"where partition = {partition} and day_of(received) = '{day}' and {KEPT}"
        )
        if former is not None:
            rows = f"(from {_file(self.folder / former.path)}) union all ({rows})"
        return self._written(connection, rows, partition, day)

    def _written(
        self, connection: duckdb.DuckDBPyConnection, rows: str, partition: int, day: str
    ) -> ArchiveFile:
        draft = self.folder / f"day={day}" / f".{partition}.parquet"
        put_parquet(connection, rows, draft)
        [(first, last, records)] = connection.execute(
            'select coalesce(min("offset"), 0), coalesce(max("offset"), -1), count(*) '  # noqa: S608
            f"from {_file(draft)}"
        ).fetchall()
        path = draft.with_name(f"{partition}-{first}-{last + 1}-{records}.parquet")
        draft.replace(path)
        sync(path.parent)
        return ArchiveFile(
            str(path.relative_to(self.folder)),
            partition,
            day,
            first,
            last + 1,
            records,
            path.stat().st_size,
        )


KEPT = """(exists (
    from ordered
    where ordered.partition = record.partition and ordered."offset" = record."offset"
) or (
    not exists (
        from forgotten
        where
            forgotten.visitor_id = coalesce(record.visitor_id::varchar, try(decode(record.key)))
            and coalesce(epoch_ms(record."timestamp"), record.received_at) <= forgotten.received_at
    ) and not coalesce(
        case when record.type is null then len(list_filter(
            (select list(forgotten) from forgotten),
            lambda each: contains(lower(record.value::varchar), each.visitor_id)
            and epoch_ms(record."timestamp") <= each.received_at
        )) > 0 end,
        false
    )
))"""
"""Whether a `record` of a segment is none of the visitors' in the table `forgotten`, or is an erasure: then
its place stands in the table `ordered`. A record that could not be read is theirs if its key is, or if it
names them anywhere."""


def forget(
    connection: duckdb.DuckDBPyConnection,
    forgotten: Iterable[Forgotten],
    orders: Iterable[tuple[int, int]],
) -> None:
    """Make the tables that KEPT asks.

    Args:
        orders: partition and offset of the records that are erasures.
    """
    connection.execute(
        "create or replace temp table forgotten (visitor_id varchar, received_at bigint);"
        'create or replace temp table ordered (partition integer, "offset" bigint)'
    )
    for each in forgotten:
        connection.execute("insert into forgotten values (?, ?)", list(each))
    for order in orders:
        connection.execute("insert into ordered values (?, ?)", list(order))


def day_of(moment: int) -> str:
    """The day, in UTC, of a moment in milliseconds since 1970; the nearest that calendars have."""
    least, most = 0, 253_402_300_799_999
    return datetime.fromtimestamp(min(max(moment, least), most) // 1000, UTC).strftime("%Y-%m-%d")


@contextmanager
def _reading() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": 2}) as connection:
        connection.execute(
            "create temp macro day_of(received) as strftime(make_timestamp_ms("
            "least(greatest(received, 0), 253402300799999)), '%Y-%m-%d')"
        )
        yield connection


def _file(path: Path) -> str:
    return _files([path])


def _files(paths: Iterable[Path]) -> str:
    listed = ", ".join(map(quoted, paths))
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _rows(staged: Sequence[Path]) -> str:
    listed = ", ".join(map(quoted, staged))
    return (
        '(select *, coalesce(epoch_ms("timestamp"), received_at) as received '  # noqa: S608
        f"from read_parquet([{listed}], filename = true))"
    )


def _by_day(
    connection: duckdb.DuckDBPyConnection, staged: Sequence[Segment]
) -> dict[tuple[int, str], list[Path]]:
    """By partition and day, the files that have records of them, in the order that was given."""
    if not staged:
        return {}
    rows = connection.execute(
        f"select distinct partition, day_of(received), filename from {_rows(_paths(staged))}"  # noqa: S608
    ).fetchall()
    found: dict[tuple[int, str], list[Path]] = {}
    order = {str(path): place for place, path in enumerate(_paths(staged))}
    for partition, day, name in sorted(rows, key=lambda row: order[row[2]]):
        found.setdefault((partition, day), []).append(Path(name))
    return dict(sorted(found.items(), key=lambda each: each[0][::-1]))


def _raw(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]
) -> list[tuple[int, int, bytes]]:
    """Partition, offset and value of every record that is no fact."""
    if not paths:
        return []
    return connection.execute(
        f'select partition, "offset", value from {_files(paths)} where pageview_id is null'  # noqa: S608
    ).fetchall()


def _orders(
    raw: Iterable[tuple[int, int, bytes]], judge: Callable[[bytes], Verdict]
) -> dict[tuple[int, int], Forgotten]:
    """By place, the erasures among records."""
    judged = ((partition, offset, judge(value)) for partition, offset, value in raw)
    return {
        (partition, offset): verdict
        for partition, offset, verdict in judged
        if isinstance(verdict, Forgotten)
    }


def _paths(staged: Sequence[Segment]) -> list[Path]:
    return [each.path for each in staged]
