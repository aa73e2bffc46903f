"""The examples in the docs, for the tests that run them."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

import pytest

from tests.support.house import ROOT
from tests.support.running import done

BROUGHT = ROOT / ".cache" / "examples"
"""The packages that only examples want, as `./dev test` brings them."""

PYTHON = (sys.executable, "-P", "-W", "error", "-c")


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
    program, *arguments = shlex.split(command)
    if program == "dwell" and not {"|", ">"} & set(arguments):
        return run_dwell(*arguments, folder=folder)
    return run("/bin/sh", "-c", command, folder=folder)


def run_dwell(*arguments: str, folder: Path) -> str:
    """The same of `dwell …` alone, which needs no shell."""
    with chdir(folder):
        ended = done(*arguments, environ=_plain())
    assert (ended.status, ended.stderr) == (0, "")
    return ended.stdout


def run_python(program: str, folder: Path) -> str:
    """The same of a program; where a package is missing that it imports, a skip."""
    need(*wanted(program))
    return run(*PYTHON, program, folder=folder)


EACH = """
import contextlib, io, json, os, sys, traceback

ended = []
for program, folder in json.loads(sys.argv[1]):
    os.chdir(folder)
    printed, failed = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        except Exception:
            failed = traceback.format_exc()
    ended.append((printed.getvalue(), failed))
json.dump(ended, sys.stdout)
"""


def run_each(programs: Sequence[tuple[str, Path]]) -> list[tuple[str, str]]:
    """What programs print, each in its folder, and how those failed that did: one process imports their
    packages once. A program that wants one that was not brought prints nothing."""
    there = [all((BROUGHT / name).exists() for name in wanted(program)) for program, _ in programs]
    given = [
        (program if able else "", str(folder))
        for (program, folder), able in zip(programs, there, strict=True)
    ]
    ended = json.loads(run(*PYTHON, EACH, json.dumps(given), folder=ROOT))
    return [(printed, failed) for printed, failed in ended]


def wanted(program: str) -> list[str]:
    """The packages that a program imports and that only examples want."""
    return re.findall(r"^(?:import|from) (pandas|polars|sqlalchemy)\b", program, re.MULTILINE)


def need(*packages: str) -> None:
    """Skip the test if one of these was not brought."""
    for package in packages:
        if not (BROUGHT / package).exists():
            pytest.skip(f"no {package}: ./dev test brings it")


def _plain() -> dict[str, str]:
    """The caller's environment, without its settings of Dwell."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DWELL_")}


def _environment() -> dict[str, str]:
    """The same, with what is installed here and was brought."""
    plain = _plain()
    places = [str(BROUGHT / "bin"), str(Path(sys.executable).parent), plain["PATH"]]
    return plain | {"PATH": os.pathsep.join(places), "PYTHONPATH": str(BROUGHT)}
