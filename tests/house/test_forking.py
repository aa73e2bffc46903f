"""A forked `dwell …` is as one that was started, for whatever tests look at."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.forking import ABLE, Forked, can_be_forked
from tests.support.house import ROOT
from tests.support.processes import PROC
from tests.support.publishing import publish
from tests.support.running import (
    DWELL,
    Process,
    done,
    environment,
    free_port,
    running,
    script,
    wait_until,
)
from tests.support.terminal import in_terminal, terminal

pytestmark = pytest.mark.skipif(not ABLE, reason="tests fork processes of Dwell on Linux alone")

REFUSED = ("sql", "--timezone", "Nowhere/None", "select 1")


@pytest.mark.parametrize("arguments", [("--version",), ("sites",), REFUSED, ("site", "--help")])
def test_it_says_and_answers_the_same(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environ = environment(tmp_path / "data", free_port())
    started = subprocess.run(
        [*DWELL, *arguments], env=environ, capture_output=True, text=True, check=False
    )
    forked = done(*arguments, environ=environ)
    assert (forked.status, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_it_shows_the_same_in_a_terminal(tmp_path: Path) -> None:
    publish(tmp_path, [1.5, 30.25])
    environ = environment(tmp_path, free_port())
    asked = ("sql", "select view_name, engagement_time, repeat('wide ', 60) as wide from pageview")
    with (
        terminal([*DWELL, *asked], environ) as started,
        in_terminal(*asked, environ=environ) as forked,
    ):
        assert started.wait() == forked.wait() == 0
    assert isinstance(forked.process, Forked)
    assert "30.25" in forked.shown
    assert forked.raw == started.raw


def test_ctrl_c_in_its_terminal_is_for_it_alone(tmp_path: Path) -> None:
    with in_terminal("facts", "tail", environ=environment(tmp_path, free_port())) as screen:
        screen.expect("there is nothing in the log")
        screen.type("\x03")
        assert screen.wait() == 130


@pytest.mark.parametrize(("lines", "status"), [("raise SystemExit(7)", 7), ("1 / 0", 1)])
def test_lines_of_python_say_and_answer_the_same(lines: str, status: int) -> None:
    lines = f"import dwell, sys; print(sys.argv, __name__, dwell.__name__); {lines}"
    started = subprocess.run(
        [sys.executable, "-c", lines, "one"], capture_output=True, text=True, check=False
    )
    forked = script(lines, "one")
    assert (forked.status, forked.stdout) == (status, started.stdout)
    assert started.returncode == status
    assert forked.stderr.splitlines()[-1:] == started.stderr.splitlines()[-1:]


def test_it_has_a_session_a_folder_an_environment_and_streams_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    port = free_port()
    environ = environment(Path("data"), port, prefix="/elsewhere")
    with running(
        "site", environ=environ, output=tmp_path / "out", url=f"http://127.0.0.1:{port}/"
    ) as site:
        own = PROC / str(site.pid)
        assert os.getsid(site.pid) == site.pid
        assert (own / "cwd").readlink() == tmp_path
        urllib.request.urlopen(f"http://127.0.0.1:{port}/elsewhere/beacon.js", timeout=10).close()
        opened = {int(each.name): each.readlink() for each in (own / "fd").iterdir()}
        assert [opened[number] for number in range(3)] == [
            Path(os.devnull),
            tmp_path / "out",
            tmp_path / "out",
        ]
        # Beside these it has what it opened: no line to the tests, no end of a pipe of theirs.
        ours = {each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
        pipes = {each for each in ours if str(each).startswith(("pipe:", "socket:"))}
        assert not pipes & set(opened.values())
    assert site.wait() == 0
    assert "Traceback" not in site.printed()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_a_signal_as_any_other(tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    environ = environment(tmp_path / "data", port)
    site = Process("site", environ=environ, output=tmp_path / "out")
    site.wait_for(f"http://127.0.0.1:{port}/")
    assert site.stop(how) == (-how if how == signal.SIGKILL else 0)
    assert not site.alive
    site.kill()  # nobody any more


def test_nobody_is_left_when_the_tests_are_killed(tmp_path: Path) -> None:
    port = free_port()
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from tests.support.running import Process, environment\n"
        f"environ = environment(Path({str(tmp_path / 'data')!r}), {port})\n"
        f"site = Process('site', environ=environ, output=Path({str(tmp_path / 'out')!r}))\n"
        f"site.wait_for('http://127.0.0.1:{port}/')\n"
        "print(site.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        pid = int(tests.stdout.readline())
        assert (PROC / str(pid)).exists()
        tests.kill()
    wait_until(lambda: not (PROC / str(pid)).exists())


def test_what_python_reads_when_it_starts_cannot_be_given_later(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port())
    assert can_be_forked(environ)
    assert not can_be_forked(environ | {"PYTHONHASHSEED": "1"})
    assert not can_be_forked(environ | {"LD_PRELOAD": "libfaketime.so"})


def test_a_process_is_waited_for_no_longer_than_one_wants(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port())
    site = Process("site", environ=environ, output=tmp_path / "out")
    assert isinstance(site._process, Forked)
    with pytest.raises(subprocess.TimeoutExpired, match=f"process {site.pid}"):
        site.wait(0.01)
    site.kill()
