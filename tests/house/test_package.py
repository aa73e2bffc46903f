import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.house import copy_to, modules, packaged

WHEEL = "dwell-0.1.0-py3-none-any.whl"


def build(checkout: Path, out: Path, *what: str) -> Path:
    """Build what is asked for without reaching for a network; the sdist and a wheel of it if nothing is."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), *what]
    built = subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


def made(kind: str, source: Path, out: Path) -> Path:
    """An `sdist` or a `wheel`, by the backend that pyproject.toml names and without anybody between."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return out / built.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The sdist of a fresh clone, and the wheel that is made of the sdist."""
    checkout = copy_to(tmp_path_factory.mktemp("checkout"))
    out = tmp_path_factory.mktemp("dist")
    if pytestconfig.option.long:
        return build(checkout, out)
    unpacked = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xf", made("sdist", checkout, out), "-C", unpacked], check=True)
    [source] = unpacked.iterdir()
    made("wheel", source, out)
    return out


def contents(wheel: Path) -> dict[str, bytes]:
    """What a wheel holds of the package, less what describes the wheel itself."""
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("dwell/")]
        return {name: archive.read(name) for name in names}


def missing(names: Iterable[str]) -> set[str]:
    """What belongs to the package and is not among the names."""
    return packaged().keys() - set(names)


def test_the_wheel_holds_every_module_query_template_and_script(dist: Path) -> None:
    held = contents(dist / WHEEL)
    assert missing(held) == set()
    assert held.keys() - packaged().keys() == set()


def test_the_sdist_holds_them_too(dist: Path) -> None:
    with tarfile.open(dist / "dwell-0.1.0.tar.gz") as archive:
        names = [
            member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()
        ]
    assert missing(name.removeprefix("src/") for name in names) == set()
    assert {"LICENSE", "README.md", "pyproject.toml"} <= set(names)


@pytest.mark.long  # ./dev test runs from the checkout, and what is missing in the sdist is seen above
def test_the_wheel_of_the_checkout_is_that_of_the_sdist(dist: Path, tmp_path: Path) -> None:
    direct = build(copy_to(tmp_path / "checkout"), tmp_path / "dist", "--wheel")
    assert contents(direct / WHEEL) == contents(dist / WHEEL)


@pytest.mark.long
@pytest.mark.parametrize("package", ["commands", "schemas", "site", "warehouse"])
def test_a_pattern_that_is_missing_is_noticed(package: str, tmp_path: Path) -> None:
    checkout = copy_to(tmp_path / "checkout")
    project = checkout / "pyproject.toml"
    lines = project.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(f'"dwell.{package}" = ')]
    assert len(kept) == len(lines) - 1
    project.write_text("".join(kept))
    wheel = build(checkout, tmp_path / "dist", "--wheel") / WHEEL
    lost = missing(contents(wheel))
    assert lost
    assert all(name.startswith(f"dwell/{package}/") for name in lost)


@pytest.fixture(scope="module")
def clean(
    dist: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Path:
    """The `bin` of an environment with the wheel; the dependencies are the ones at hand. Only pip makes
    its programs, of which a long run alone wants one."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    if pytestconfig.option.long:
        install = ["pip", "--python", str(home), "install", "--quiet", "--no-index", "--no-deps"]
        subprocess.run([sys.executable, "-m", *install, str(dist / WHEEL)], check=True)
    else:
        with ZipFile(dist / WHEEL) as wheel:
            wheel.extractall(packages)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def said(program: Path, *arguments: str) -> str:
    """What a program prints, when it does what it is asked without a word on standard error."""
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, cwd="/", timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.long
def test_the_wheel_runs_from_a_clean_environment(clean: Path) -> None:
    assert said(clean / "dwell", "--version") == "dwell, version 0.1.0\n"
    assert "simulate" in said(clean / "dwell", "--help")
    where = said(clean / "python", "-c", "import dwell; print(dwell.__file__)")
    assert Path(where).is_relative_to(clean.parent)
    said(clean / "python", "-c", f"import {', '.join(sorted(modules()))}")
    said(clean / "python", "-m", "dwell.schemas.documents", "--check")


SERVE = """
import asyncio
from pathlib import Path
from dwell.settings import Settings
from dwell.site.app import create_app

async def get(app, path):
    sent = []
    async def receive():
        return {"type": "http.request", "body": b""}
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": [(b"host", b"localhost")], "scheme": "http",
             "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
             "root_path": "", "asgi": {"version": "3.0"}}
    await app(scope, receive, send)
    return sent[0]["status"]

app = create_app(Settings(data=Path("%s")))
for path in ("/", "/page_a", "/page_b", "/page_c/tab_1", "/page_c/tab_2", "/dwell/beacon.js"):
    print(asyncio.run(get(app, path)), path)
"""


def test_the_wheel_serves_the_pages_and_the_beacon(clean: Path, tmp_path: Path) -> None:
    served = said(clean / "python", "-c", SERVE % tmp_path).splitlines()
    assert len(served) == 6
    assert all(line.startswith("200 ") for line in served), served
