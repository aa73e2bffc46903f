"""Publishing: a whole copy of the live warehouse takes the place of the one that people open."""

import itertools
import os
import subprocess
from contextlib import suppress
from pathlib import Path

from dwell.errors import WarehouseError

_NUMBERS = itertools.count()


def copy(live: Path, published: Path) -> int:
    """Copy the live file to `published` by way of a rename, and return the bytes.

    The caller has brought everything into the file (`LiveWarehouse.checkpoint`) and checkpoints
    no more until this returns; commits may go on, they stay in the write-ahead log. The copy is
    made by another process, because closing a second handle of the live file in the process that
    holds it would drop DuckDB's lock on it.

    Readers that have the former file open keep it whole; who opens the path next has the new one.

    Raises:
        WarehouseError: it could not be copied; the former publication stands.
    """
    draft = published.with_name(f".{published.name}.{os.getpid()}-{next(_NUMBERS)}")
    try:
        done = subprocess.run(
            ["cp", "--", str(live), str(draft)], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise WarehouseError(f"{published} could not be published: {done.stderr.strip()}")
        size = _settle(draft)
        # A client that had the former file open for writing and died has left its write-ahead log,
        # which DuckDB would apply to the new file.
        for stray in (f"{published.name}.wal", f"{published.name}.wal.checkpoint"):
            published.with_name(stray).unlink(missing_ok=True)
        draft.replace(published)
        _sync_folder(published.parent)
    except OSError as error:
        raise WarehouseError(f"{published} could not be published: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return size


def sweep(published: Path) -> None:
    """Remove the drafts of publishers that were killed."""
    for draft in published.parent.glob(f".{published.name}.*"):
        draft.unlink(missing_ok=True)


def _settle(path: Path) -> int:
    """Make the file read-only and its bytes durable; returns how many."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
