"""The examples in the docs, for the tests that run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import ROOT

BROUGHT = ROOT / ".cache" / "examples"
"""The packages that only examples want, as `./dev test` brings them."""


def examples(page: str, language: str) -> list[str]:
    """The code of that language in a page of the docs, as `examples("embedding.md", "html")`."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def run(*command: str, folder: Path, quiet: bool = True, **environ: str) -> str:
    """What an example prints that runs in `folder`; to standard error nothing, if it is `quiet`."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment() | environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (quiet and done.stderr), done.stderr
    return done.stdout


def run_shell(command: str, folder: Path) -> str:
    """The same of a line of the shell; where it needs DuckDB's own and there is none, a skip."""
    if re.search(r"\bduckdb -", command):
        need("duckdb_cli")
    return run("/bin/sh", "-c", command, folder=folder)


def run_python(program: str, folder: Path) -> str:
    """The same of a program; where a package is missing that it imports, a skip."""
    need(*re.findall(r"^(?:import|from) (pandas|polars|sqlalchemy)\b", program, re.MULTILINE))
    return run(sys.executable, "-P", "-W", "error", "-c", program, folder=folder)


def need(*packages: str) -> None:
    """Skip the test if one of these was not brought."""
    for package in packages:
        if not (BROUGHT / package).exists():
            pytest.skip(f"no {package}: ./dev test brings it")


def _environment() -> dict[str, str]:
    """The caller's, without its settings of Dwell, and with what is installed here and was brought."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DWELL_")}
    places = [str(BROUGHT / "bin"), str(Path(sys.executable).parent), plain["PATH"]]
    return plain | {"PATH": os.pathsep.join(places), "PYTHONPATH": str(BROUGHT)}
