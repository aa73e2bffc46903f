"""Processes as the kernel tells of them: who runs what, and who started whom."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Seen:
    """A process, told from later ones that get the same number by the moment it started."""

    pid: int
    parent: int
    started: int
    command: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """Whether it runs still; one that only waits to be reaped does not."""
        now = _seen(self.pid)
        return now is not None and now.started == self.started

    def runs(self, word: str) -> bool:
        """Whether it was started with this word among its arguments."""
        return word in self.command


def descendants(pid: int) -> list[Seen]:
    """The running processes that this one started, and those that they started, and so on."""
    everyone = list(_everyone())
    found: list[Seen] = []
    parents = {pid}
    while young := [each for each in everyone if each.parent in parents]:
        found += young
        parents = {each.pid for each in young}
    return found


def has_open(pid: int, file: Path) -> bool:
    """Whether a process has this file open, under whatever name."""
    for descriptor in (PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if descriptor.samefile(file):
                return True
    return False


def processor_seconds(pid: int) -> float:
    """How long a process has had a processor, all its threads together."""
    status = (PROC / str(pid) / "stat").read_text()
    user, system = status.rpartition(")")[2].split()[11:13]  # fields 14 and 15 of proc(5)
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _everyone() -> Iterator[Seen]:
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (seen := _seen(int(folder.name))) is not None:
            yield seen


def _seen(pid: int) -> Seen | None:
    try:
        status = (PROC / str(pid) / "stat").read_text()
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    # The name in parentheses may hold anything; what follows it is proc(5)'s field 3 and on.
    state, parent, *rest = status.rpartition(")")[2].split()
    if state in "ZX":
        return None
    words = tuple(command.decode(errors="replace").rstrip("\0").split("\0"))
    return Seen(pid, int(parent), int(rest[17]), words)
