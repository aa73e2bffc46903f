"""Locks: what one process at a time may do."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(lock: Path, refusal: Exception) -> Iterator[None]:
    """Hold a lock file, which is made if need be and stays, for the time of a `with`.

    Raises:
        OSError: it cannot be opened.

    Raises `refusal` if another process holds it.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        yield
