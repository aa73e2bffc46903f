"""A time of day for a browser that a test sets; its monotonic clock goes on by itself.

libfaketime would do the same, but Chromium takes half a minute to start under it.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.engines.browser import Cannot

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """Where a browser reads how far its time of day is off.

    Attributes:
        environ: what its processes need in their environment.
    """

    def __init__(self, file: Path, library: Path) -> None:
        file.write_bytes(struct.pack("q", 0))
        self._file = file
        self.environ: Mapping[str, str] = dict(os.environ) | {
            "LD_PRELOAD": str(library),
            "DWELL_TEST_CLOCK": str(file),
        }

    def set(self, seconds: int) -> None:
        """So many seconds after the true time, or before it."""
        with self._file.open("r+b") as file:  # in place: the browser has mapped it
            file.write(struct.pack("q", seconds))


@contextmanager
def own_clock() -> Iterator[Clock]:
    """A clock for the time of a `with`.

    Raises:
        Cannot: there is no C compiler to build what reads it.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Cannot("no C compiler is here, which a browser's own time of day needs")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
        yield Clock(Path(folder) / "clock", library)
