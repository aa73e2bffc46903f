"""Where an export goes: made beside it, put in its place when it is whole."""

import ctypes
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from dwell.commands.export import manifest
from dwell.durable import sync
from dwell.errors import DwellError

_HERE = -100
"""AT_FDCWD of renameat2(2): paths are those of the process."""
_EXCHANGE = 2
"""RENAME_EXCHANGE: each takes the other's place, at once."""


def check_free(target: Path, *, folder: bool, force: bool) -> None:
    """Make sure that a folder, or else a file, may be put there: nothing is there or an empty folder,
    or, with `force`, a file in the way of a file, or an export and nothing else.

    Raises:
        DwellError: it may not.
    """
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not force:
        raise DwellError(f"--to is '{target}', which is there: expected another name, or --force")
    if not (manifest.is_export(target) if folder else target.is_file()):
        raise DwellError(
            f"--to is '{target}', which is there and no earlier export, or has more in it: expected"
            " one, an empty folder, or a new name"
        )


@contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target, which is gone at the end of the `with`, with what is in it.

    What exports to the same target left that were killed goes too: they hold a lock no more.

    Raises:
        DwellError: the folder of the target cannot be written.
    """
    place = target.resolve()
    draft = place.with_name(f".{place.name}.{uuid4()}.draft")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent, f".{place.name}.")
        draft.mkdir()
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        with _locked(draft):
            yield draft
    except BrokenPipeError:  # who reads what the command says is gone
        raise
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def put(made: Path, target: Path, *, force: bool) -> None:
    """Put a file or folder in the target's place, durably; what is there and may go takes its own.

    Raises:
        DwellError: something that may not go is there by now.
        OSError: it cannot be put there.
    """
    folder, place = made.is_dir(), target.resolve()
    for path in (*made.iterdir(), made) if folder else (made,):
        sync(path)
    check_free(target, folder=folder, force=force)
    if folder and place.exists():
        _exchange(made, place)
    else:
        made.rename(place)
    sync(place.parent)


def _exchange(made: Path, target: Path) -> None:
    """Two folders in each other's place. At no moment is there none, where the system can do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(made), os.fsencode(target)
    if hasattr(libc, "renameat2") and not libc.renameat2(
        _HERE, paths[0], _HERE, paths[1], _EXCHANGE
    ):
        return
    former = made.with_name(f"{made.name}.former")
    target.rename(former)
    made.rename(target)
    former.rename(made)


def _sweep(folder: Path, begins: str) -> None:
    for left in folder.iterdir():
        if left.name.startswith(begins) and left.name.endswith(".draft"):
            with suppress(OSError), _locked(left):
                shutil.rmtree(left)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder; the kernel lets go of it however this process ends.

    Raises:
        BlockingIOError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _unwritable(target: Path, error: OSError) -> DwellError:
    return DwellError(f"--to is '{target}', which cannot be written: {error.strerror}")
