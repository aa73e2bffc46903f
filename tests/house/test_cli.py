import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click
import pytest

from dwell import cli
from dwell.cli import COMMANDS, with_settings
from dwell.errors import DwellError
from dwell.settings import Settings, default_of, option_of, variable_of
from tests.support.house import every_command
from tests.support.running import DWELL

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs `dwell` with the arguments: exit status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(arguments)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Puts a function in the place of `dwell site`, with the port as its option."""

    def put(function: Callable[..., Any]) -> None:
        made = click.command(name="site")(with_settings("port", "timezone")(function))
        monkeypatch.setattr(cli.Commands, "get_command", lambda *_: made)

    return put


def test_the_help_lists_every_command(said: Said) -> None:
    status, out, err = said("--help")
    assert (status, err) == (0, "")
    for name, purpose in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(purpose.partition(' ')[0])}", out, re.MULTILINE)


WITHOUT_SETTINGS = {"rules check"}
"""Commands that need nothing but what they are given."""


@pytest.mark.parametrize("name", every_command())
def test_every_command_shows_its_settings_with_variable_and_default(said: Said, name: str) -> None:
    status, out, _ = said(*name.split(), "--help")
    assert status == 0
    text = " ".join(out.split())
    offered = [each for each in Settings.model_fields if f"{option_of(each)} VALUE" in text]
    assert bool(offered) != (name in WITHOUT_SETTINGS)
    for each in offered:
        shown = f"[{variable_of(each)}; default: {default_of(each) or 'none'}]"
        assert shown in text.replace("- ", "-"), each


def test_the_help_comes_quickly_and_imports_nothing_heavy() -> None:
    heavy = "duckdb pyarrow starlette uvicorn aiohttp jinja2 rich ua_parser"
    script = (
        "import sys; from dwell.cli import run; run(['--help'])\n"
        f"print(sorted(sys.modules.keys() & set('{heavy}'.split())))"
    )
    begin = time.perf_counter()
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "[]")
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(("name", "nice"), [("archive", 10), ("replay", 10), ("sql", 0)])
def test_what_may_take_minutes_gives_way_to_others(name: str, nice: int) -> None:
    script = (
        "import os, atexit; from dwell.cli import main\n"
        "atexit.register(lambda: print(os.getpriority(os.PRIO_PROCESS, 0)))\n"
        f"main(['{name}', '--help'])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    began = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(done.stdout.splitlines()[-1]) == max(began, nice)


def test_dwell_alone_shows_the_help_and_does_nothing(said: Said) -> None:
    status, out, err = said()
    assert (status, out) == (2, "")
    assert err.startswith("Usage: dwell ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope"], "dwell: No such command 'nope'.\n"),
        (
            ["site", "--port", "http"],
            "dwell: --port is 'http': expected a number between 1 and 65535\n",
        ),
        (["site", "--nope"], "dwell: No such option '--nope'."),
        (["site", "--port"], "dwell: Option '--port' requires an argument.\n"),
        (["site", "more"], "dwell: Got unexpected extra argument (more)\n"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_one_line(
    said: Said, arguments: Sequence[str], line: str
) -> None:
    status, out, err = said(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_wrong_variable_ends_a_real_process_the_same_way() -> None:
    done = subprocess.run(
        [*DWELL, "site"], env={"DWELL_PORT": "http"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dwell: DWELL_PORT is 'http': expected a number between 1 and 65535\n"


def test_a_command_gets_its_settings(
    said: Said, command: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWELL_TIMEZONE", "Europe/Berlin")

    def show(settings: Settings) -> None:
        click.echo(f"{settings.port} {settings.timezone}")

    command(show)
    assert said("site", "--port", "81") == (0, "81 Europe/Berlin\n", "")


def raising(error: BaseException) -> Callable[..., None]:
    """A command that ends so."""

    def fail(settings: Settings) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("function", "status", "line"),
    [
        (lambda settings: None, 0, ""),
        (lambda settings: 1, 1, ""),
        (raising(DwellError("the port is taken")), 2, "dwell: the port is taken\n"),
        (
            raising(PermissionError(13, "Permission denied", "data/live")),
            2,
            "dwell: data/live: Permission denied\n",
        ),
        (raising(KeyboardInterrupt()), 130, ""),
        (raising(click.UsageError("one\n\ntwo")), 2, "dwell: one two\n"),
    ],
)
def test_the_exit_status_tells_how_it_ended(
    said: Said, command: Callable[..., None], function: Callable[..., Any], status: int, line: str
) -> None:
    command(function)
    ended, out, err = said("site")
    assert (ended, err) == (status, line)
    assert out.strip() == ""


def test_a_mistake_of_ours_is_not_dressed_up(said: Said, command: Callable[..., None]) -> None:
    command(raising(ConnectionResetError("by peer")))
    with pytest.raises(ConnectionResetError):
        said("site")


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = "import sys; from dwell.cli import main; main(['--help'])"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_a_write_that_fails_without_a_name_could_not_be_done(
    said: Said, command: Callable[[Callable[..., Any]], None]
) -> None:
    def write(**_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    command(write)
    status, out, err = said("site")
    assert (status, out) == (2, "")
    assert "No space left on device" in err
    assert "Traceback" not in err
