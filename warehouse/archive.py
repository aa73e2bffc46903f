"""The archive: the log's records in Parquet, a folder a day, which outlive the log's retention."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import duckdb

from dwell.errors import WarehouseError
from dwell.warehouse.manifest import ArchiveFile, Held, Manifest
from dwell.warehouse.quoting import quoted
from dwell.warehouse.reading import MAY_BE_ERASURE
from dwell.warehouse.rebuilding import Segment
from dwell.warehouse.segments import macros

MEMORY_LIMIT = "512MiB"


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

    def counted(self, segments: Iterable[Segment]) -> list[Segment]:
        """The same, each with as many records as are meant of it. Of a file that is cut that is asked.

        Raises:
            WarehouseError: a file cannot be read.
        """
        return [
            each if each.whole else replace(each, records=self._records_within(each))
            for each in segments
        ]

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

    def erasures(self) -> list[tuple[int, int, bytes]]:
        """Partition, offset and value of every record that may be an erasure."""
        with reading(self.folder) as connection:
            return erasures(connection, [self.folder / each.path for each in self.manifest.files])

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
        with reading(self.folder) as connection:
            connection.execute(macros())
            return connection.execute(
                'select "offset", received, key, value from whole_records(?) '
                'where "offset" >= ? and "offset" < ? order by "offset" limit ?',
                [list(map(str, paths)), first, until, most],
            ).fetchall()

    def _records_within(self, segment: Segment) -> int:
        with reading(self.folder) as connection:
            [(found,)] = connection.execute(
                f"select count(*) from {parquet([segment.path])} "  # noqa: S608  our own path, quoted
                'where "offset" >= ? and "offset" < ?',
                [segment.first, segment.until],
            ).fetchall()
        return int(found)

    def _offset_within(self, file: ArchiveFile, moment: int) -> list[int]:
        with reading(self.folder) as connection:
            [(found,)] = connection.execute(
                'select min("offset") from read_parquet(?) '
                'where coalesce(epoch_ms("timestamp"), received_at) >= ?',
                [str(self.folder / file.path), moment],
            ).fetchall()
        return [] if found is None else [found]


def day_of(moment: int) -> str:
    """The day, in UTC, of a moment in milliseconds since 1970; the nearest that calendars have."""
    least, most = 0, 253_402_300_799_999
    return datetime.fromtimestamp(min(max(moment, least), most) // 1000, UTC).strftime("%Y-%m-%d")


@contextmanager
def _explaining(folder: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        first_line = str(error).partition("\n")[0]
        raise WarehouseError(f"{folder} cannot be read or written: {first_line}") from error


@contextmanager
def reading(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own for the archive in a folder, in little memory, that knows `day_of` too.

    Raises:
        WarehouseError: a file of the archive cannot be read, or none can be written.
    """
    with (
        _explaining(folder),
        duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": 2}) as connection,
    ):
        connection.execute(
            "create temp macro day_of(received) as strftime(make_timestamp_ms("
            "least(greatest(received, 0), 253402300799999)), '%Y-%m-%d')"
        )
        yield connection


def parquet(paths: Iterable[Path]) -> str:
    """The SQL that reads these files."""
    listed = ", ".join(map(quoted, paths))
    return f"read_parquet([{listed}], hive_partitioning = false)"


def erasures(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]
) -> list[tuple[int, int, bytes]]:
    """Partition, offset and value of every record that may be an erasure: it names their type. Of other
    records that are no facts there may be any number, which need not be in memory."""
    if not paths:
        return []
    return connection.execute(
        f'select partition, "offset", value from {parquet(paths)} '  # noqa: S608
        f"where pageview_id is null and {MAY_BE_ERASURE}"
    ).fetchall()
