"""Into how many files a data folder is projected: the same for all projectors that work in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dwell.errors import WarehouseError, WarehouseHeld
from dwell.shard import Shard


@contextmanager
def holding(live: Path, shard: Shard | None) -> Iterator[None]:
    """Hold the folder for projectors of one layout, for the time of a `with`.

    Raises:
        WarehouseHeld: projectors of another layout are at work in it.
        WarehouseError: the folder cannot be written.
    """
    layout = "one file" if shard is None else f"{shard.count} shards"
    try:
        live.mkdir(parents=True, exist_ok=True)
        lock = (live / "layout.lock").open("a+")
    except OSError as error:
        raise WarehouseError(
            f"{live} cannot be opened ({error.strerror}): expected a folder that can be written"
        ) from None
    with lock:
        _agree(lock, live, layout)
        yield


def _agree(lock: IO[str], live: Path, layout: str) -> None:
    """Share the lock with those who wrote the same; who is alone writes what is true now."""
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(layout)
        lock.flush()
    fcntl.flock(lock, fcntl.LOCK_SH)
    lock.seek(0)
    written = lock.read()
    if written != layout:
        raise WarehouseHeld(
            f"{live} is being projected into {written}: expected the same of each projector of a "
            f"data folder, and this one makes {layout}; stop the others, or give DWELL_DATA another "
            "folder"
        )
