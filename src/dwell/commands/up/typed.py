"""What a person types to run Dwell again, as they have run it."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from dwell.settings import Settings


def program() -> str:
    """`dwell`, or where it is if the shell would not find it."""
    beside = Path(sys.executable).with_name("dwell")
    found = shutil.which("dwell")
    if not beside.exists() or (found and Path(found).resolve() == beside.resolve()):
        return "dwell"
    near = os.path.relpath(beside)
    return shlex.quote(str(beside) if near.startswith("..") else near)


def data_option(settings: Settings) -> str:
    """`--data FOLDER` with a space before it; nothing if it is the usual folder."""
    if settings.data == Path("data"):
        return ""
    return f" --data {shlex.quote(str(settings.data))}"
