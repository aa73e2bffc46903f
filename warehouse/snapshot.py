"""Publishing: a whole copy of the live warehouse takes the place of the one that people open."""

import itertools
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from dwell.durable import sync
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
    draft = draft_of(published)
    try:
        done = subprocess.run(
            ["cp", "--", str(live), str(draft)], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise WarehouseError(f"{published} could not be published: {done.stderr.strip()}")
        size = put(draft, published)
    except OSError as error:
        raise WarehouseError(f"{published} could not be published: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return size


def draft_of(published: Path) -> Path:
    """A name beside the file, for what is to take its place."""
    return published.with_name(f".{published.name}.{os.getpid()}-{next(_NUMBERS)}")


def put(draft: Path, published: Path) -> int:
    """Put a file in the place of the one that people open, read-only and durable; returns its bytes."""
    size = _settle(draft)
    for stray in strays(published):
        stray.unlink(missing_ok=True)
    draft.replace(published)
    sync(published.parent)
    return size


def strays(published: Path) -> list[Path]:
    """What a client that had the file open for writing leaves beside it when it dies: a write-ahead
    log, which DuckDB would apply to the next file of that name."""
    return [published.with_name(published.name + end) for end in (".wal", ".wal.checkpoint")]


def sweep(published: Path) -> None:
    """Remove the drafts of publishers that were killed."""
    own = re.compile(rf"\.{re.escape(published.name)}\.\d+-\d+.*")
    for draft in published.parent.iterdir():
        if own.fullmatch(draft.name):
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
