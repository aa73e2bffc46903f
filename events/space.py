"""The space on the disk of a file: how much is free, and how much must stay so."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from dwell.errors import NoSpace

LOOK_SECONDS = 1.0
"""Between two looks: so long, writers may go on below what is to be kept free."""


def free_beside(path: Path) -> int:
    """Bytes that this user may still write where the file is or would be."""
    folder = next(each for each in path.absolute().parents if each.exists())
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize


class Space:
    """Asks the file system once a second at most, however often it is asked itself.

    Args:
        keep: bytes that are to stay free; 0 is any number.
    """

    def __init__(
        self,
        path: Path,
        keep: int,
        *,
        free: Callable[[Path], int] = free_beside,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._keep = keep
        self._free = free
        self._clock = clock
        self._look_at = float("-inf")
        self._found = 0

    def require(self) -> None:
        """Return if enough is free.

        Raises:
            NoSpace: it is not. As soon as it is again, this returns.
        """
        if not self._keep:
            return
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._found = self._free(self._path)
        if self._found < self._keep:
            raise NoSpace(
                f"{self._found} bytes are free on the disk of the log {self._path}: "
                f"expected at least DWELL_KEEP_FREE, which is {self._keep}"
            )
