import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.house import ROOT

PYTHON = """\
#!/bin/sh
echo "$*" >>"$CALLS"
case "$1 $2" in
    "-m venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-c import ensurepip, venv") [ -z "${BARE:-}" ] ;;
    *"(3, 14))") [ -z "${NEWER:-}" ] ;;
    "-m dwell.commands.broker.bring") [ -z "${JAVALESS:-}" ] ;;
    "-m pip") [ -z "${OFFLINE:-}" ] ;;
esac
"""
"""Stands for Python: notes what it is asked, and makes an environment that holds itself."""


class Checkout:
    """`dev` in a folder with a space in its name, with the Python above."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "a checkout"
        self.home.mkdir()
        for name in (
            "dev",
            "pyproject.toml",
            "requirements.txt",
            "requirements-dev.txt",
            "requirements-examples.txt",
        ):
            shutil.copy2(ROOT / name, self.home / name)
        self.python = folder / "some python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)
        self.calls = folder / "calls"
        # Older DuckDBs that were brought before: there is none to be brought.
        for readers in ("tests/warehouse/readers/none.txt", ".cache/readers/none/pins"):
            (self.home / readers).parent.mkdir(parents=True)
            (self.home / readers).touch()

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Call `dev` from another folder."""
        own = {"PYTHON": str(self.python), "CALLS": str(self.calls), "CDPATH": "/"}
        return subprocess.run(
            [self.home / "dev", *arguments],
            cwd=self.home.parent,
            env=dict(os.environ) | own | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> list[str]:
        """What Python was asked to do since the last time, its questions left out."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [" ".join(call.split()[:3]) for call in calls if not call.startswith("-c")]


MAKE = ["-m venv .venv"]
INSTALL = ["-m pip install", "-m pip install"]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_setup_makes_an_environment_once(checkout: Checkout) -> None:
    assert checkout.run("setup").returncode == 0
    assert checkout.asked() == MAKE + INSTALL
    again = checkout.run("setup")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert checkout.asked() == []


@pytest.mark.parametrize("changed", ["requirements-dev.txt", "pyproject.toml"])
def test_what_changed_is_installed_into_the_same_environment(
    checkout: Checkout, changed: str
) -> None:
    checkout.run("setup")
    checkout.asked()
    with (checkout.home / changed).open("a") as file:
        file.write("# more\n")
    assert checkout.run("setup").returncode == 0
    assert checkout.asked() == INSTALL


def test_an_environment_that_was_left_half_made_is_made_anew(checkout: Checkout) -> None:
    assert checkout.run("setup", OFFLINE="1").returncode == 2
    checkout.asked()
    assert checkout.run("setup").returncode == 0
    assert checkout.asked() == MAKE + INSTALL
    assert checkout.run("setup").returncode == 0
    assert checkout.asked() == []


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.asked()
    (checkout.home / ".venv/bin/python").unlink()
    assert checkout.run("setup").returncode == 0
    assert checkout.asked() == MAKE + INSTALL


def test_an_environment_that_was_moved_is_made_anew(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.asked()
    checkout.home = checkout.home.rename(checkout.home.with_name("moved"))
    assert checkout.run("setup").returncode == 0
    assert checkout.asked() == MAKE + INSTALL


def test_a_setup_waits_for_another_one(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.asked()
    with subprocess.Popen(["sleep", "0.5"]) as other:
        (checkout.home / ".venv/.dwell-setup").write_text(f"{other.pid}\n")
        end = (checkout.home / ".venv/.dwell-setup").unlink
        waiting = subprocess.Popen(
            [checkout.home / "dev", "setup"],
            env=dict(os.environ) | {"PYTHON": str(checkout.python), "CALLS": str(checkout.calls)},
            stderr=subprocess.PIPE,
            text=True,
        )
        with waiting:
            assert waiting.stderr is not None
            assert waiting.stderr.readline() == (
                f"dev: waiting for another setup, process {other.pid}\n"
            )
            end()
            assert waiting.wait() == 0
    assert checkout.asked() == INSTALL


def test_a_python_that_cannot_make_environments_is_named(checkout: Checkout) -> None:
    done = checkout.run("setup", BARE="1")
    assert done.returncode == 2
    assert done.stderr == (
        f"dev: {checkout.python} has no venv or no ensurepip; "
        "on Debian and Ubuntu: apt install python3-venv\n"
    )


def test_what_is_no_python_is_named(checkout: Checkout) -> None:
    done = checkout.run("setup", PYTHON="/bin/false")
    assert done.returncode == 2
    assert done.stderr.startswith("dev: PYTHON is '/bin/false': expected a Python 3.11 or later")


NEEDED = "sh basename cat chmod cmp cp dirname mkdir rm"


class Machine:
    """The programs that `dev` finds: those it needs, and those that are put there."""

    def __init__(self, folder: Path, user: int) -> None:
        self.path = folder / "bin"
        self.path.mkdir()
        for name in NEEDED.split():
            found = shutil.which(name)
            assert found is not None, name
            (self.path / name).symlink_to(found)
        self.put("id", f"echo {user}")

    def put(self, name: str, script: str) -> None:
        """A program that does so."""
        (self.path / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.path / name).chmod(0o755)


@pytest.mark.parametrize("others", [["python3.12"], []])
def test_a_python_newer_than_the_tested_ones_is_the_last_choice(
    checkout: Checkout, tmp_path: Path, others: list[str]
) -> None:
    machine = Machine(tmp_path, user=1000)
    for name in ("python3", *others):
        newer = "1" if name == "python3" else ""
        machine.put(name, PYTHON.replace("${NEWER:-}", newer))
    done = checkout.run("setup", PATH=str(machine.path), PYTHON="")
    assert done.stderr.startswith(f"dev: making .venv with {[*others, 'python3'][0]}\n")


def test_what_the_tests_lack_is_said_plainly(checkout: Checkout, tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000)
    done = checkout.run("test", "-x", PATH=str(machine.path), JAVALESS="1")
    assert done.returncode == 0, done.stderr
    for line in (
        "dev: kcat is not on PATH; the tests that read with it are skipped",
        "dev: so no broker of Kafka can be started on Java; the tests that want to kill one are skipped",
    ):
        assert line in done.stderr.splitlines()
    assert "installing requirements-dev.txt\n" in done.stderr
    assert not [line for line in done.stderr.splitlines() if "installing kcat" in line]
    assert checkout.asked()[-4:] == [
        "-m dwell.commands.broker.bring",
        "-m tests.support.composing",
        "-m pip install",
        "-m pytest --numprocesses",
    ]


def test_root_on_debian_is_given_what_the_tests_want(checkout: Checkout, tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    there = tmp_path / "there"
    machine.put("apt-get", f'echo "$*" >>"{there}"; case "$*" in *openjdk*) exit 100 ;; esac')
    done = checkout.run("test", PATH=str(machine.path))
    assert done.returncode == 0, done.stderr
    assert [line for line in there.read_text().splitlines() if line.startswith("install")] == [
        "install -y -qq chromium chromium-driver",
        "install -y -qq openjdk-17-jre-headless",
        "install -y -qq default-jre-headless",
        "install -y -qq maven",
        "install -y -qq kcat",
    ]
    assert "skipped" not in done.stderr.replace("by npm; the tests that need them are skipped", "")


def test_the_other_engines_are_brought_for_long_runs(checkout: Checkout, tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    there = tmp_path / "there"
    machine.put("apt-get", f'echo "$*" >>"{there}"')
    machine.put("cargo", f'echo "cargo $*" >>"{there}"; exit 101')
    cache = str(tmp_path / "cache")
    checkout.run("test", PATH=str(machine.path), XDG_CACHE_HOME=cache)
    assert "firefox-esr" not in there.read_text()
    there.unlink()
    done = checkout.run("test", "--long", PATH=str(machine.path), XDG_CACHE_HOME=cache)
    assert done.returncode == 0, done.stderr
    for package in ("firefox-esr", "webkit2gtk-driver", "xvfb", "xdotool"):
        assert f"install -y -qq {package}\n" in there.read_text()
    assert (
        "dev: geckodriver could not be built by cargo; the scenarios in Firefox are skipped"
        in done.stderr.splitlines()
    )


def test_a_verb_that_is_not_known_is_refused(checkout: Checkout) -> None:
    done = checkout.run("dance")
    assert done.returncode == 2
    assert done.stderr.endswith("dev: unknown verb 'dance'\n")
    assert checkout.run("help").stdout.startswith("usage: ./dev VERB")
    assert checkout.asked() == []


def test_the_shell_finds_nothing_to_complain_about() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    command = [shellcheck, "--shell=sh", "dev", ".ci/run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
