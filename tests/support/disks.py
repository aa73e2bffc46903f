"""A small disk that can really be full: a tmpfs in a mount namespace of its own."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PIECE = 4096


class Disk:
    """Seen by processes that run `under` it; its files are reached from outside by `outside`.

    Attributes:
        inside: where it is for those processes.
        outside: the same folder for the tests. Not for databases: they look for the true name.
        under: the command that runs a process there.
    """

    def __init__(self, pid: int, inside: Path) -> None:
        self._pid = str(pid)
        self.inside = inside
        self.outside = Path(f"/proc/{pid}/root{inside}")
        self.under = (
            *("nsenter", "--target", self._pid, "--user", "--mount", "--preserve-credentials"),
            "--",
        )

    @property
    def free(self) -> int:
        """Bytes."""
        system = os.statvfs(self.outside)
        return system.f_bavail * system.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Write ballast until so many bytes are free, or no more can be written."""
        with (self.outside / "ballast").open("ab", buffering=0) as ballast:
            try:
                while self.free > leave:
                    ballast.write(bytes(PIECE))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def empty(self) -> None:
        """Remove the ballast."""
        (self.outside / "ballast").unlink()

    def read_only(self, yes: bool = True) -> None:
        """Have it take no more writes, or take them again."""
        how = f"remount,{'ro' if yes else 'rw'}"
        subprocess.run([*self.under, "mount", "-o", how, self.inside], check=True)

    def copied(self, to: Path) -> Path:
        """A copy of all its files on a larger disk."""
        shutil.copytree(self.outside, to, ignore=shutil.ignore_patterns("ballast"))
        return to


@contextmanager
def small_disk(at: Path, size: int) -> Iterator[Disk]:
    """One of `size` bytes, mounted at an empty folder; skips where that is not permitted."""
    at.mkdir()
    script = f"mount -t tmpfs -o size={size} tmpfs '{at}' && echo there && exec cat"
    with subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as holder:
        try:
            assert holder.stdout
            if holder.stdout.readline() != b"there\n":
                assert holder.stderr
                pytest.skip(f"no disk can be mounted here: {holder.stderr.read().decode().strip()}")
            yield Disk(holder.pid, at)
        finally:
            holder.kill()
