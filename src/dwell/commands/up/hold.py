"""The hold on a data folder: a locked file that names who runs there."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from dwell.errors import AlreadyRunning, SettingInvalid

ENDING_SECONDS = 12.0
"""How long what a killed holder has started may take to end."""


class Hold:
    """A data folder held for this process and, by inheritance, for every process it starts.

    The kernel lets go when the last of them is gone, however that came, so there is no stale hold;
    and who takes it next finds nobody left over at work.

    Args:
        command: that holds it so, for messages.

    Attributes:
        descriptor: to be inherited by what is started.
    """

    def __init__(self, data: Path, lock: Path, command: str = "dwell up") -> None:
        self._data = data
        self._lock = lock
        self._command = command
        self.descriptor: int | None = None

    def take(self, waits: Callable[[], None], *, make: bool) -> None:
        """Hold the folder; with `make` it is made if it is not there.

        Waits, and calls `waits` once, while the processes of a holder that was killed end.

        Raises:
            AlreadyRunning: another holder runs there; the message says which process.
            SettingInvalid: the folder cannot be written.
        """
        if self.descriptor is not None:
            return
        try:
            if make:
                self._lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | (os.O_CREAT if make else 0), 0o644)
        except OSError as error:
            if not make and isinstance(error, FileNotFoundError):
                return
            raise SettingInvalid(
                f"DWELL_DATA is '{self._data}': expected a folder that can be written"
                f" ({error.filename}: {error.strerror})"
            ) from None
        try:
            self._wait_for(descriptor, waits)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self.descriptor = descriptor

    def release(self) -> None:
        """Let go."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _wait_for(self, descriptor: int, waits: Callable[[], None]) -> None:
        deadline = time.monotonic() + ENDING_SECONDS
        waiting = False
        while not _locked(descriptor):
            holder = os.pread(descriptor, 32, 0).decode()
            if _lives(holder):
                raise AlreadyRunning(
                    f"the data folder '{self._data}' is held by process {holder}, a `{self._command}`:"
                    " end that one, or choose another folder with --data or DWELL_DATA"
                )
            if time.monotonic() > deadline:
                raise AlreadyRunning(
                    f"the data folder '{self._data}' is held by processes that process"
                    f" {holder or 'unknown'}, a `{self._command}`, has left behind: end those"
                )
            if not waiting:
                waits()
                waiting = True
            time.sleep(0.05)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
