import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import dwell
from tests.support.house import ROOT, modules

FOLDERS = ("site", "events", "consumers", "schemas", "warehouse")


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_import_name_resolves_to_its_top_level_folder(folder: str) -> None:
    link = ROOT / "src" / "dwell" / folder
    assert link.is_symlink()
    assert str(link.readlink()) == f"../../{folder}"
    assert link.resolve() == ROOT / folder
    imported = Path(str(dwell.__file__)).parent / folder
    assert imported.resolve() == ROOT / folder


def test_every_folder_of_modules_is_a_package() -> None:
    for module in (ROOT / name for name in modules().values()):
        assert (module.parent / "__init__.py").exists(), f"{module.parent} has no __init__.py"


def contract(name: str) -> dict[str, Any]:
    """One of the contracts that the imports are checked against."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = configured["tool"]["importlinter"]["contracts"]
    return next(each for each in found if each["name"] == name)


def test_every_module_has_its_layer() -> None:
    parts = {".".join(name.split(".")[:2]) for name in modules() if "." in name}
    layers = contract("Imports point one way")["layers"]
    assert parts == {each for layer in layers for each in layer.split(" | ")}


def test_every_module_but_the_log_on_kafka_is_kept_from_aiokafka() -> None:
    kept = contract("Only the log on Kafka imports aiokafka")["source_modules"]
    free = {name for name in modules() if not any(f"{name}.".startswith(f"{k}.") for k in kept)}
    assert {name for name in free if not name.startswith("dwell.events.kafka")} == {
        *("dwell", "dwell.events")
    }


def test_every_module_of_the_site_but_the_dashboard_is_kept_from_the_warehouse() -> None:
    kept = contract("The site reads and writes no database, and the dashboard is beside it")
    found = {".".join(name.split(".")[:3]) for name in modules() if name.startswith("dwell.site.")}
    assert set(kept["source_modules"]) == found - {"dwell.site.dashboard"}


def test_imports_point_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


IMPORT = """
import os, sys, threading
from importlib import import_module

ACTS = {
    "socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen",
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system",
    "os.mkdir", "os.remove", "os.rename", "os.truncate", "shutil.copyfile", "tempfile.mkstemp",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
seen = []

def watch(event, arguments):
    if event in ACTS or event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        seen.append((event, arguments))

def imports(names):
    for name in names:
        seen.clear()
        import_module(name)
        if seen:
            sys.exit(f"importing {name}: {seen}")

sys.addaudithook(watch)
threading.Thread.start = lambda thread: seen.append(("thread", thread))
"""


def imported(script: str) -> subprocess.CompletedProcess[str]:
    """A fresh process that watches what it does while it imports."""
    command = [sys.executable, "-B", "-c", IMPORT + script]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_importing_a_module_connects_opens_and_spawns_nothing() -> None:
    done = imported(f"imports({sorted(modules())})")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "act",
    [
        "import sqlite3; sqlite3.connect(':memory:')",
        "import subprocess; subprocess.Popen(['true']).wait()",
        "import socket; socket.socket().bind(('127.0.0.1', 0))",
        "import threading; threading.Thread(target=print).start()",
        "open('/dev/null', 'w')",
    ],
)
def test_the_watch_sees_what_it_should(act: str, tmp_path: Path) -> None:
    (tmp_path / "acting.py").write_text(act)
    done = imported(f"sys.path.insert(0, {str(tmp_path)!r})\nimports(['acting'])")
    assert done.returncode == 1
    assert done.stderr.startswith("importing acting: ")
