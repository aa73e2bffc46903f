"""Writing the archive: whatever is killed when, it is as before or as after."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Self

import duckdb

from dwell.durable import make_folder, sync
from dwell.errors import WarehouseError, WarehouseHeld
from dwell.locks import alone
from dwell.warehouse.archive import erasures, parquet, reading
from dwell.warehouse.manifest import MANIFEST, ArchiveFile, Held, Manifest
from dwell.warehouse.quoting import quoted
from dwell.warehouse.reading import Forgotten, Verdict
from dwell.warehouse.rebuilding import Segment
from dwell.warehouse.segments import put_parquet

KEPT = (files("dwell.warehouse") / "segments" / "kept.sql").read_text()
"""The condition that a record stays."""


class ArchiveWriter:
    """Adds to an archive, or makes one. One at a time: the folder is held meanwhile.

    Raises:
        WarehouseHeld: another process writes to it.
        WarehouseError: its manifest cannot be read.
    """

    def __init__(self, folder: Path, log_identity: str) -> None:
        self.folder = folder
        begun = Manifest.read(folder)
        self.manifest = begun or Manifest(log_identity)
        self._is_begun = begun is not None

    @classmethod
    @contextmanager
    def holding(cls, folder: Path, log_identity: str) -> Iterator[Self]:
        """A writer that holds the folder for the time of a `with`; leftovers are removed first.

        Raises:
            WarehouseHeld: another process writes to it.
            WarehouseError: its manifest cannot be read, or is missing beside files: they may be all that
                there is of their facts, or somebody else's.
        """
        make_folder(folder)
        refusal = f"{folder} is being written by another process: expected one at a time"
        with alone(folder / ".lock", WarehouseHeld(refusal)):
            writer = cls(folder, log_identity)
            writer._refuse_strays()
            writer.sweep()
            yield writer

    def begin(self) -> None:
        """Be an archive, of this log, before there is anything in it."""
        if not self._is_begun:
            self.manifest.write(self.folder)
            self._is_begun = True

    def sweep(self) -> None:
        """Remove the files that the manifest does not name."""
        named = {self.folder / each.path for each in self.manifest.files}
        for path in self._files():
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
        with reading(self.folder) as connection:
            told = _orders(erasures(connection, _paths(staged)), judge)
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
        with reading(self.folder) as connection:
            paths = [self.folder / each.path for each in self.manifest.files]
            forget(connection, forgotten, _orders(erasures(connection, paths), judge))
            for file in self.manifest.files:
                rows = f"from {parquet([self.folder / file.path])} as record"
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

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("day=*/*.parquet"))

    def _refuse_strays(self) -> None:
        files = self._files()
        if files and not self._is_begun:
            raise WarehouseError(
                f"{self.folder} has {files[0].relative_to(self.folder)} and no {MANIFEST}: expected both, or"
                f" neither; bring {MANIFEST} from where the files came from, or have DWELL_ARCHIVE name"
                " another folder"
            )

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
            rows = f"(from {parquet([self.folder / former.path])}) union all ({rows})"
        return self._written(connection, rows, partition, day)

    def _written(
        self, connection: duckdb.DuckDBPyConnection, rows: str, partition: int, day: str
    ) -> ArchiveFile:
        draft = self.folder / f"day={day}" / f".{partition}.parquet"
        put_parquet(connection, rows, draft)
        [(first, last, records)] = connection.execute(
            'select coalesce(min("offset"), 0), coalesce(max("offset"), -1), count(*) '  # noqa: S608
            f"from {parquet([draft])}"
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
