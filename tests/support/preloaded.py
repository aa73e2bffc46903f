"""Functions of the C library that are others for a process: small sources here, built when they are
wanted."""

import shutil
import subprocess
from pathlib import Path

import pytest


def preloaded(name: str, folder: Path) -> dict[str, str]:
    """The environment with which a process has those of `NAME.c`, which is built into the folder.

    Skips where there is no C compiler.
    """
    if shutil.which("cc") is None:
        pytest.skip("no C compiler, as cc: Debian's package gcc has one")
    source = Path(__file__).with_name(f"{name}.c")
    library = folder / f"{name}.so"
    command = ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-pthread"]
    subprocess.run([*command, "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library)}
