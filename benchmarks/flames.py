"""Flame graphs of other processes, by py-spy: Python and native frames together."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RATE = 250
"""Samples a second: more of them would slow down what is watched."""
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')


@contextmanager
def flame_of(pid: int, file: Path, title: str, seconds: int) -> Iterator[None]:
    """Watch a process for so long, beginning now; at the end of the `with` the picture is there.

    Raises:
        RuntimeError: py-spy is missing, or may not look at the process.
    """
    watcher = subprocess.Popen(
        [
            *(_py_spy(), "record", "--native", "--rate", str(RATE), "--duration", str(seconds)),
            *("--format", "flamegraph", "--output", str(file), "--pid", str(pid)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
        _, said = watcher.communicate(timeout=60 + seconds)
    finally:
        if watcher.poll() is None:
            watcher.kill()
            watcher.wait()
    if watcher.returncode or not file.exists():
        raise RuntimeError(f"py-spy could not draw process {pid}: {said.strip()}")
    file.write_text(_TITLE.sub(rf"\g<1>{title}", file.read_text()))


def _py_spy() -> str:
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise RuntimeError("py-spy is missing: ./dev setup installs it")
    return found
