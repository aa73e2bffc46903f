"""Publishing: a whole copy of the live warehouse takes the place of the one that people open."""

import itertools
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from dwell.durable import sync
from dwell.errors import WarehouseError

LEAST_PATCHED = 64 * 2**20
"""Bytes: a file that is smaller is copied whole sooner than the two are compared."""
GIVES_WAY = ("nice", "-n", "5")
"""What copies does so with what facts and pages leave of the processors."""

WAL_ENDS = (".wal", ".wal.checkpoint", ".wal.recovery")
"""What the names of write-ahead logs have behind that of the file, while it is written, brought into the
file, and read anew."""

_NUMBERS = itertools.count()
_PATCH = Path(__file__).with_name("patching.py")


def copy(live: Path, published: Path, *, keep_former: bool = False) -> int:
    """Copy the live file to `published` by way of a rename, and return the bytes.

    The caller has brought everything into the file (`LiveWarehouse.checkpoint`) and checkpoints
    no more until this returns; commits may go on, they stay in the write-ahead log. The copy is
    made by another process, because closing a second handle of the live file in the process that
    holds it would drop DuckDB's lock on it.

    Readers that have the former file open keep it whole; who opens the path next has the new one.

    Args:
        keep_former: whether the file that is replaced stays under a name of its own, so that the next
            copy but one is made from it: only what differs is written then. If anybody has it open
            still, it is left to them.

    Raises:
        WarehouseError: it could not be copied; the former publication stands.
    """
    draft = draft_of(published)
    try:
        if not (keep_former and _patched(live, draft, former_of(published))):
            done = _run("cp", "--", str(live), str(draft))
            if done.returncode != 0:
                raise WarehouseError(f"{published} could not be published: {done.stderr.strip()}")
        size = put(draft, published, keep_former=keep_former)
    except OSError as error:
        raise WarehouseError(f"{published} could not be published: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return size


def draft_of(published: Path) -> Path:
    """A name beside the file, for what is to take its place."""
    return published.with_name(f".{published.name}.{os.getpid()}-{next(_NUMBERS)}")


def former_of(published: Path) -> Path:
    """Where the publication before the one that people open is kept."""
    return published.with_name(f".{published.name}.former")


def put(draft: Path, published: Path, *, keep_former: bool = False) -> int:
    """Put a file in the place of the one that people open, read-only and durable; returns its bytes.

    Args:
        keep_former: as `copy`; if not, a former one that was kept goes too.
    """
    size = _settle(draft)
    for stray in strays(published):
        stray.unlink(missing_ok=True)
    former = former_of(published)
    former.unlink(missing_ok=True)
    if keep_former and size >= LEAST_PATCHED:
        with suppress(OSError):  # there is none, or the file system has no second names
            former.hardlink_to(published)
    draft.replace(published)
    sync(published.parent)
    return size


def strays(published: Path) -> list[Path]:
    """What a client that had the file open for writing leaves beside it when it dies: a write-ahead
    log, which DuckDB would apply to the next file of that name."""
    return [published.with_name(published.name + end) for end in WAL_ENDS]


def sweep(published: Path) -> None:
    """Remove the drafts of publishers that were killed."""
    own = re.compile(rf"\.{re.escape(published.name)}\.\d+-\d+.*")
    for draft in published.parent.iterdir():
        if own.fullmatch(draft.name):
            draft.unlink(missing_ok=True)


def _patched(live: Path, draft: Path, former: Path) -> bool:
    """Whether the draft was made from a former publication."""
    try:
        former.replace(draft)
        draft.chmod(0o644)
        done = _run(sys.executable, "-I", "-S", str(_PATCH), str(live), str(draft))
    except OSError:
        return False
    if done.returncode != 0:
        draft.unlink(missing_ok=True)
    return done.returncode == 0


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*GIVES_WAY, *command], check=False, capture_output=True, text=True)


def _settle(path: Path) -> int:
    """Make the file read-only and its bytes durable; returns how many."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
