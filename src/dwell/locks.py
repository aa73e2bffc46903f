"""Locks: what one process at a time may do."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCKS = Path("/proc/locks")
"""Where Linux lists who holds which file, by its inode."""
PROCESSES = Path("/proc/self/ns/pid")
EVERY_PROCESS = 0xEFFFFFFC
"""The inode of Linux's first namespace of processes, in which all are seen."""


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
        if not _is_at(file, lock):  # who held it has removed it since it was opened
            raise refusal
        yield


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def holder(lock: Path) -> str | None:
    """The process that holds a lock file, "unknown" if it does not say; `None` if nobody does, as far as
    this process can see. The lock itself is not tried: whoever wants it in that moment would be refused."""
    try:
        held, pid = LOCKS.read_text(), lock.read_text().strip()
        inode = lock.stat().st_ino
    except OSError:
        return None
    locked = (line.split() for line in held.splitlines() if "->" not in line)
    found = (words[4] for words in locked if words[1] == "FLOCK" and words[5].endswith(f":{inode}"))
    # A file on another disk may have the same inode.
    is_held = any(not pid or each == pid or _own_number(each) == pid for each in found)
    return (pid or "unknown") if is_held else None


def _own_number(pid: str) -> str:
    """What a process is to itself, in a container of its own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    return status.partition("\nNSpid:")[2].partition("\n")[0].rpartition("\t")[2]


def sees_every_holder() -> bool:
    """Whether `holder` tells of every process of this machine: in a container it tells of those that run
    in the same one alone."""
    try:
        return PROCESSES.stat().st_ino == EVERY_PROCESS
    except OSError:
        return False
