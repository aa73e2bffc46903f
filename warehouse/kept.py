"""Kept warehouses: files that no projector writes, from which visitors are erased all the same."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from dwell.errors import WarehouseError
from dwell.shard import Shard
from dwell.warehouse import remains, scrubbing, snapshot
from dwell.warehouse.attaching import attach
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.union import SMALL


def renew(
    path: Path, work: Path, visitors: Sequence[str], erase: Callable[[LiveWarehouse], None]
) -> bool:
    """Put a file in its place that has nothing of the visitors, by a rename; returns whether it had.

    Args:
        work: a folder for what is made on the way.
        erase: does it in an open warehouse.

    Raises:
        WarehouseError: it could not be done; the file stands as it was.
    """
    inside = remains.in_warehouse(path, visitors)
    if not inside.rows and not inside.scrub_due:
        return False
    copy, draft = work / "kept.duckdb", snapshot.draft_of(path)
    try:
        before = path.stat()
        _copy(path, copy)
        with _opened(copy, path) as warehouse:
            erase(warehouse)
        scrubbing.scrub(copy, draft)
        if not path.exists() or not os.path.samestat(before, path.stat()):
            raise WarehouseError(
                f"{path} was taken while it was written anew, by a projector whose place it waited for:"
                " run this again"
            )
        snapshot.put(draft, path)
        path.chmod(before.st_mode & 0o777)
    except OSError as error:
        raise WarehouseError(f"{path} could not be written anew: {error.strerror}") from None
    finally:
        for remnant in (*work.glob(f"{copy.name}*"), draft):
            remnant.unlink(missing_ok=True)
    return True


def _copy(path: Path, copy: Path) -> None:
    """Copy a file with the write-ahead log that a process left beside it which was killed."""
    for stray in (path, *snapshot.strays(path)):
        if stray.exists():
            target = copy.with_name(copy.name + stray.name.removeprefix(path.name))
            subprocess.run(["cp", "--", str(stray), str(target)], check=True)
    copy.chmod(0o600)


def _opened(copy: Path, path: Path) -> LiveWarehouse:
    """The copy, open.

    Raises:
        WarehouseError: it cannot be, by this version of Dwell for example; the message names the path.
    """
    try:
        return LiveWarehouse(copy, _shard_of(copy, path), way_back=False)
    except WarehouseError as error:
        said = str(error).replace(str(copy), str(path))
        raise WarehouseError(
            f"{said}; it has something of the visitors, so move or remove the file"
        ) from None


def _shard_of(copy: Path, path: Path) -> Shard | None:
    """Whose facts are in it.

    Raises:
        WarehouseError: it is no warehouse of Dwell's.
    """
    try:
        with duckdb.connect(config=SMALL) as connection:
            connection.execute(attach(copy, "kept"))
            rows = connection.execute("select name, value from kept.projection_info").fetchall()
    except duckdb.Error:
        raise WarehouseError(
            f"{path} is no warehouse that Dwell made, and only from these something can be erased"
        ) from None
    written = dict(rows).get("shard")
    return Shard.parse(written) if written else None
