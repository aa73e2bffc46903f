import asyncio
import json
import os
import shlex
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from dwell.commands import up
from dwell.commands.up import parts_of, run, welcome
from dwell.commands.up.hold import Hold
from dwell.commands.up.lines import Lines
from dwell.commands.up.supervisor import Part, Supervisor
from dwell.commands.up.typed import data_option, program
from dwell.errors import DwellError, LogMismatch, WarehouseDamaged
from dwell.lifeline import Lifeline
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import uuid7
from tests.support.processes import PROC, Seen, descendants
from tests.support.running import (
    DWELL,
    Process,
    answers,
    environment,
    free_port,
    running,
    wait_until,
)
from tests.support.terminal import terminal

needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")
READY = "Ctrl-C ends it all."


def post(address: str, number: int, engagement_ms: int = 0) -> None:
    """A pageview that begins and ends in one fact."""
    fact = {
        "type": "page.viewed",
        "pageview_id": uuid7(number),
        "seq": 0,
        "session_id": uuid7(1),
        "view": "dwell.site.pages.page_a.PageA",
        "visibility": "hidden",
        "engagement_ms": engagement_ms,
        "age_ms": engagement_ms,
        "delay_ms": 0,
    }
    request = urllib.request.Request(
        f"{address}/dwell/facts",
        json.dumps({"facts": [fact]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 204


def asked(environ: dict[str, str], tmp_path: Path, sql: str) -> str:
    """What `dwell sql` prints as CSV, or nothing while there is no warehouse."""
    output = tmp_path / "asked"
    output.unlink(missing_ok=True)
    with running("sql", "--format", "csv", sql, environ=environ, output=output) as process:
        wait_until(lambda: not process.alive)
    return output.read_text()


def child(up: Process, name: str) -> Seen | None:
    """The process that runs this part now."""
    return next((each for each in descendants(up.pid) if each.runs(name)), None)


def test_a_share_of_the_log_is_not_for_up(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port(), shard="1/3")
    with running("up", environ=environ, output=tmp_path / "out") as process:
        wait_until(lambda: not process.alive)
        assert process.wait() == 2
    assert process.printed().startswith(
        "dwell: DWELL_SHARD is '1/3': expected none with `dwell up`"
    )
    assert "`dwell site` with a `dwell project --shard 1/3`" in process.printed()
    assert not (tmp_path / "data").exists()


def test_another_log_than_the_warehouse_comes_from_is_refused_before_the_site_listens(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path / "data", port=free_port())
    with LiveWarehouse(settings.warehouse) as warehouse:
        warehouse.belong_to("kafka:cluster/dwell-facts")
    with pytest.raises(LogMismatch, match=r"DWELL_LOG is 'embedded:'.*expected kafka://HOST:PORT/"):
        run(settings, parts_of)
    assert not settings.embedded_log.exists()


@needs_proc
def test_the_whole_path_and_what_happens_when_its_processes_die(tmp_path: Path) -> None:
    data = tmp_path / "data"
    port = free_port()
    environ = environment(data, port, publish_seconds=0.5)
    address = f"http://127.0.0.1:{port}"
    output = tmp_path / "up.out"
    engaged = "select engagement_time from pageview order by 1"

    with running("up", environ=environ, output=output, url=address) as up:
        wait_until(lambda: READY in up.printed())
        assert "site      | the site is at" in up.printed()
        assert f"{address}/" in up.printed()
        dashboard = f"http://127.0.0.1:{environ['DWELL_DASHBOARD_PORT']}/"
        wait_until(lambda: f"dashboard | the dashboard is at {dashboard}" in up.printed())
        assert f"  The dashboard is at  {dashboard}\n" in up.printed()
        assert answers(f"{dashboard}healthy")
        assert str(data) in up.printed()
        post(address, 1, 1500)
        wait_until(lambda: asked(environ, tmp_path, engaged) == "engagement_time\n1.5\n", 10)

        # A child that is killed comes back.
        site = child(up, "site")
        assert site is not None
        os.kill(site.pid, signal.SIGKILL)
        wait_until(lambda: not site.alive)
        wait_until(lambda: answers(f"{address}/page_a"))
        wait_until(lambda: "site      | was ended by SIGKILL; again in 0.25 s" in up.printed())
        post(address, 2, 2500)
        wait_until(lambda: asked(environ, tmp_path, engaged) == "engagement_time\n1.5\n2.5\n")

        # A second one is refused, and names the first.
        second = Process("up", environ=environ, output=tmp_path / "second.out")
        wait_until(lambda: not second.alive)
        assert second.stop() == 2
        assert second.printed() == (
            f"dwell: the data folder '{data}' is held by process {up.pid}, a `dwell up`:"
            " end that one, or choose another folder with --data or DWELL_DATA\n"
        )

        # Killed itself, it leaves nobody, and the next one starts at once.
        orphans = descendants(up.pid)
        assert {"site", "project", "dashboard"} <= {
            word for each in orphans for word in each.command
        }
        up.kill()
    # It publishes once, and then not before it ends.
    environ |= {"DWELL_PUBLISH_SECONDS": "3600"}
    published = data / "warehouse.duckdb"
    before = published.stat().st_ino
    with running("up", environ=environ, output=tmp_path / "again.out") as up:
        wait_until(lambda: READY in up.printed())
        assert not any(each.alive for each in orphans)
        wait_until(lambda: published.stat().st_ino != before)
        post(address, 3, 3500)
        committed = data / "live" / "warehouse.duckdb.wal"
        wait_until(lambda: committed.exists() and committed.stat().st_size > 0)
        assert asked(environ, tmp_path, engaged) == "engagement_time\n1.5\n2.5\n"
        children = descendants(up.pid)
        began = time.monotonic()
        assert up.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        assert not any(each.alive for each in children)
    assert asked(environ, tmp_path, engaged) == "engagement_time\n1.5\n2.5\n3.5\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": "http"}, "DWELL_PORT is 'http': expected a number between 1 and 65535"),
        ({"host": "192.0.2.1"}, "192.0.2.1:{port} cannot be listened on"),
        ({"data": "/proc/no"}, "DWELL_DATA is '/proc/no': expected a folder that can be written"),
    ],
)
def test_a_setting_that_is_wrong_ends_with_one_line(
    tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    port = free_port()
    environ = environment(tmp_path / "data", port)
    environ |= {f"DWELL_{name.upper()}": value for name, value in settings.items()}
    assert refused(environ, tmp_path).startswith(f"dwell: {message.format(port=port)}")
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_ends_with_one_line_and_makes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        printed = refused(environment(tmp_path / "data", port), tmp_path)
    assert printed == (
        f"dwell: 127.0.0.1:{port} is in use by another process: end that one,"
        " or choose another port with --port or DWELL_PORT\n"
    )
    assert not (tmp_path / "data").exists()


def test_two_parts_at_one_port_end_with_one_line_and_make_nothing(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", port := free_port())
    for name in ("DASHBOARD_PORT", "SITE_FIGURES_PORT"):
        printed = refused(environ | {f"DWELL_{name}": str(port)}, tmp_path)
        assert printed.endswith(
            f"dwell: DWELL_PORT and DWELL_{name} are both {port}: expected a port for each\n"
        )
    assert not (tmp_path / "data").exists()


@needs_proc
def test_a_part_that_cannot_work_ends_everything_with_its_own_line(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port())
    with running("project", environ=environ, output=tmp_path / "project.out") as project:
        wait_until((tmp_path / "data" / "warehouse.duckdb").exists)
        printed = refused(environ, tmp_path).splitlines()
        assert printed[-1].startswith("dwell: ")
        assert f"warehouse.duckdb is held by process {project.pid}" in printed[-1]
        assert sum("is held by process" in line for line in printed) == 1
        assert project.alive


def test_pages_and_facts_go_on_while_the_warehouse_is_damaged(tmp_path: Path) -> None:
    port = free_port()
    environ = environment(tmp_path / "data", port, publish_seconds=0.2)
    address, damaged = f"http://127.0.0.1:{port}", tmp_path / "data" / "live" / "warehouse.duckdb"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(bytes(range(256)) * 48)
    with running("up", environ=environ, output=tmp_path / "up.out", url=address) as up:
        wait_until(lambda: READY in up.printed())
        wait_until(lambda: "move it away, and it is made anew from the log" in up.printed())
        post(address, 1, 1500)
        damaged.rename(damaged.with_name("lost.duckdb"))
        engaged = "select engagement_time from pageview"
        published = tmp_path / "data" / "warehouse.duckdb"
        wait_until(published.exists, 30)
        wait_until(lambda: asked(environ, tmp_path, engaged) == "engagement_time\n1.5\n")
        assert up.stop() == 0


def refused(environ: dict[str, str], tmp_path: Path) -> str:
    """What a `dwell up` prints that ends with 2 and leaves nobody behind."""
    up = Process("up", environ=environ, output=tmp_path / "refused.out")
    seen: list[Seen] = []

    def ended() -> bool:
        if PROC.is_dir():
            seen.extend(descendants(up.pid))
        return not up.alive

    wait_until(ended, 20)
    assert up.stop() == 2, up.printed()
    assert not any(each.alive for each in seen)
    return up.printed()


def test_ctrl_c_in_a_terminal_stops_in_order(tmp_path: Path) -> None:
    port = free_port()
    environ = environment(tmp_path / "data", port)
    environ.pop("NO_COLOR", None)
    with terminal([*DWELL, "up"], environ) as screen:
        screen.expect(READY)
        screen.expect("the site is at")
        assert "\x1b[36msite      |\x1b[0m " in screen.raw
        screen.type("\x03")
        assert screen.process.wait(10) == 0
    assert not answers(f"http://127.0.0.1:{port}/")


def part(name: str, script: str, ready: Callable[[], bool] = lambda: True) -> Part:
    """A part that runs a few lines of Python, and reports what it does by a line each."""
    return Part(name, (sys.executable, "-u", "-c", script), "cyan", ready)


OBEYS = """
import signal, sys, time
def end(*_):
    time.sleep(0.2); print("ended"); sys.exit()
signal.signal(signal.SIGTERM, end)
print("started")
signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("started")
while True: signal.pause()
"""


async def supervised(sink: StringIO, *parts: Part, until: str = "", times: int = 1) -> None:
    """Run parts until these words stand in the sink so many times, then as after SIGTERM."""
    lines = Lines(sink, [each.name for each in parts], {})
    supervisor = Supervisor(parts, os.environ, (), lines)

    async def stop() -> None:
        while sink.getvalue().count(until) < times:
            await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = asyncio.create_task(stop())
    try:
        await supervisor.run(lambda: lines.say("all ready"))
    finally:
        stopping.cancel()


async def test_parts_are_stopped_one_after_the_other() -> None:
    sink = StringIO()
    await supervised(sink, part("site", OBEYS), part("project", OBEYS), until="started", times=2)
    assert [line for line in sink.getvalue().splitlines() if "ended" in line] == [
        "site    | ended",
        "project | ended",
    ]


async def test_a_part_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dwell.commands.up.supervisor.STOP_SECONDS", 4.0)
    sink = StringIO()
    began = time.monotonic()
    await supervised(sink, part("site", STUBBORN), part("project", OBEYS), until="started", times=2)
    assert time.monotonic() - began < 10
    assert sink.getvalue().splitlines()[-2:] == [
        "site    | killed: it did not end in time",
        "project | ended",
    ]


def test_a_second_ctrl_c_kills(tmp_path: Path) -> None:
    script = f"""
import sys
from dwell.commands.up import run
from dwell.commands.up.supervisor import Part
from dwell.settings import Settings
part = Part("site", (sys.executable, "-u", "-c", {STUBBORN!r}), "cyan", lambda: True)
sys.exit(run(Settings.read(), lambda settings: [part]))
"""
    environ = environment(tmp_path / "data", free_port())
    with terminal([sys.executable, "-c", script], environ) as screen:
        screen.expect("site | started")
        screen.expect(READY)
        screen.type("\x03")
        time.sleep(0.5)
        assert screen.process.poll() is None
        screen.type("\x03")
        screen.expect("site | killed at the second Ctrl-C")
        assert screen.process.wait(10) == 130


async def test_a_part_that_dies_is_started_again_later_and_later() -> None:
    sink = StringIO()
    await supervised(
        sink, part("site", "print('hello'); raise SystemExit(3)"), until="hello", times=3
    )
    said = [line for line in sink.getvalue().splitlines() if "again" in line]
    assert said[:2] == [
        "site | ended with exit status 3; again in 0.25 s",
        "site | ended with exit status 3; again in 0.5 s",
    ]


async def test_a_part_that_was_ready_once_is_started_again_even_if_it_cannot_work(
    tmp_path: Path,
) -> None:
    # It is killed as soon as it is ready, and cannot work from then on.
    mark = tmp_path / "ready"
    script = f"""
import os, pathlib, time
mark = pathlib.Path({str(mark)!r})
if mark.exists():
    print('dwell: the disk is full'); raise SystemExit(2)
mark.touch(); time.sleep(0.5); os.kill(os.getpid(), 9)
"""
    sink = StringIO()
    parts = part("site", OBEYS), part("project", script, mark.exists)
    await supervised(sink, *parts, until="again", times=3)
    assert [line for line in sink.getvalue().splitlines() if "again" in line][:3] == [
        "project | was ended by SIGKILL; again in 0.25 s",
        "project | the disk is full; again in 0.5 s",
        "project | the disk is full; again in 1 s",
    ]
    assert sink.getvalue().count("started") == 1


async def test_a_projector_whose_warehouse_is_damaged_is_tried_again_whatever_comes_then(
    tmp_path: Path,
) -> None:
    # As when a file is put in the place of the damaged one, which is not right either.
    mark = tmp_path / "tried"
    script = f"""
import pathlib
mark = pathlib.Path({str(mark)!r})
print('dwell: it is of another log' if mark.exists() else 'dwell: it is damaged')
status = 2 if mark.exists() else {WarehouseDamaged.exit_status}
mark.touch()
raise SystemExit(status)
"""
    sink = StringIO()
    parts = part("site", OBEYS), part("project", script, lambda: False)
    await supervised(sink, *parts, until="again", times=2)
    assert [line for line in sink.getvalue().splitlines() if "again" in line][:2] == [
        "project | it is damaged; again in 0.25 s",
        "project | it is of another log; again in 0.5 s",
    ]
    assert "all ready" in sink.getvalue()


async def test_a_part_is_not_ready_by_what_another_one_does(tmp_path: Path) -> None:
    sink = StringIO()
    late = part("site", OBEYS, lambda: False)
    script = "import time; time.sleep(0.5); print('dwell: the disk is full'); raise SystemExit(2)"
    await supervised(sink, late, part("project", script), until="again")
    assert "project | the disk is full; again in 0.25 s" in sink.getvalue()
    assert "all ready" not in sink.getvalue()


async def test_a_part_that_cannot_work_stops_the_others() -> None:
    sink = StringIO()
    script = "print('hm'); print('dwell: the disk is full'); raise SystemExit(2)"
    broken = part("project", script, lambda: False)
    with pytest.raises(DwellError, match=r"^the disk is full$"):
        await supervised(sink, part("site", OBEYS), broken, until="never")
    assert "disk" not in sink.getvalue()
    assert "project | hm" in sink.getvalue()


async def test_a_part_that_is_not_needed_and_cannot_work_is_left_out() -> None:
    sink = StringIO()

    def both_started() -> bool:
        return sink.getvalue().count("started") == 2

    script = "print('dwell: the port is in use'); raise SystemExit(2)"
    spare = Part("dashboard", (sys.executable, "-u", "-c", script), "yellow", lambda: False, False)
    site, project = (part(name, OBEYS, both_started) for name in ("site", "project"))
    await supervised(sink, site, spare, project, until="all ready")
    said = sink.getvalue().splitlines()
    assert said.count("dashboard | the port is in use; the others go on without it") == 1
    assert [line for line in said if "ended" in line] == [
        "site      | ended",
        "project   | ended",
    ]


async def test_a_part_that_is_not_needed_and_dies_is_started_again() -> None:
    sink = StringIO()
    script = "print('hello'); raise SystemExit(3)"
    spare = Part("dashboard", (sys.executable, "-u", "-c", script), "yellow", lambda: True, False)
    await supervised(sink, part("site", OBEYS), spare, until="hello", times=3)
    assert "dashboard | ended with exit status 3; again in 0.5 s" in sink.getvalue()
    assert "site      | ended" in sink.getvalue()


@needs_proc
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            {"DWELL_DASHBOARD_HOST": "0.0.0.0"},
            "DWELL_DASHBOARD_HOST is '0.0.0.0', where other machines reach it, and nobody is asked",
        ),
        ({}, "127.0.0.1:{port} is in use by another process: end that one, or choose another port "
             "with --dashboard-port or DWELL_DASHBOARD_PORT"),
    ],
)  # fmt: skip
def test_site_and_projector_go_on_without_a_dashboard(
    settings: dict[str, str], why: str, tmp_path: Path
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_port = taken.getsockname()[1]
        environ = environment(tmp_path / "data", port, dashboard_port=taken_port) | settings
        with running("up", environ=environ, output=tmp_path / "out") as up:
            wait_until(lambda: READY in up.printed())
            wait_until(lambda: "the others go on without it" in up.printed())
            assert f"dashboard | {why.format(port=taken_port)}" in up.printed()
            assert "  The dashboard is at  no address: its line above says why\n" in up.printed()
            assert answers(f"http://127.0.0.1:{port}/")
            assert child(up, "dashboard") is None
            assert up.stop() == 0
    assert up.printed().count("the others go on") == 1


async def test_long_lines_and_odd_bytes_come_through() -> None:
    sink = StringIO()
    script = r"import sys; sys.stdout.buffer.write(b'\xff\n' + b'#' * 200000 + b'\nlast\n'); sys.stdout.flush(); import signal; signal.pause()"
    await supervised(sink, part("site", script), until="last")
    assert "site | \ufffd\n" in sink.getvalue()
    assert sink.getvalue().count("#") == 200_000


def test_a_projector_that_reads_on_before_it_publishes_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "STEADY_SECONDS", 0.3)
    settings = Settings(data=tmp_path / "data")
    with LiveWarehouse(settings.warehouse):
        first = up.parts_of(settings)[-1].ready
        assert not first()
        time.sleep(0.4)
        assert not first()
        settings.published.touch()
        later = up.parts_of(settings)[-1].ready
        assert not later()
        wait_until(later)
    assert not later()


def test_a_publication_of_an_earlier_run_makes_nobody_ready(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    settings.published.write_text("of an earlier run")
    ready = next(part.ready for part in parts_of(settings) if part.name == "project")
    assert not ready()
    (tmp_path / "draft").write_text("new")
    (tmp_path / "draft").replace(settings.published)
    assert ready()


def test_what_is_to_be_typed_is_right_for_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "a folder" / "bin"
    where.mkdir(parents=True)
    (where / "dwell").touch(0o755)
    monkeypatch.setattr("sys.executable", str(where / "python"))
    monkeypatch.chdir(tmp_path)
    assert program() == "'a folder/bin/dwell'"
    monkeypatch.setenv("PATH", str(where), prepend=os.pathsep)
    assert program() == "dwell"
    assert data_option(Settings()) == ""
    assert data_option(Settings(data=Path("my data"))) == " --data 'my data'"
    assert "arrive at 5, 10, 20, 40 … seconds" in welcome(Settings())


class Screen(StringIO):
    """What a terminal is to a program: a stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "\x1b[36msite |\x1b[0m hello\n"),
        ({"NO_COLOR": "1"}, "site | hello\n"),
        ({"TERM": "dumb"}, "site | hello\n"),
    ],
)
def test_colour_is_for_terminals_that_want_it(environ: dict[str, str], line: str) -> None:
    screen = Screen()
    Lines(screen, ["site"], environ).told("site", "cyan", "hello")
    assert screen.getvalue() == line
    plain = StringIO()
    Lines(plain, ["site"], {}).told("site", "cyan", "hello")
    assert plain.getvalue() == "site | hello\n"


def test_a_process_ends_when_its_starter_lets_go_of_the_lifeline(tmp_path: Path) -> None:
    script = "from dwell import lifeline; lifeline.follow(); print('on', flush=True); import signal; signal.pause()"
    lifeline = Lifeline()
    process = partial(asyncio.create_subprocess_exec, sys.executable, "-c", script)

    async def run() -> int:
        started = await process(
            env=os.environ | lifeline.environment(),
            pass_fds=(lifeline.descriptor,),
            stdout=asyncio.subprocess.PIPE,
        )
        assert started.stdout is not None
        assert await started.stdout.readline() == b"on\n"
        lifeline.close()
        return await asyncio.wait_for(started.wait(), 10)

    assert asyncio.run(run()) == -signal.SIGTERM


def test_a_hold_waits_for_what_a_killed_holder_has_started(tmp_path: Path) -> None:
    lock = tmp_path / "live" / "up.lock"
    first = Hold(tmp_path, lock)
    first.take(lambda: None, make=True)
    assert first.descriptor is not None
    orphan = spawn(f"sleep 0.5; exec true # {shlex.quote(str(lock))}", first.descriptor)
    first.release()
    lock.write_text("999999999")  # nobody's number
    waited: list[bool] = []
    second = Hold(tmp_path, lock)
    began = time.monotonic()
    second.take(lambda: waited.append(True), make=False)
    assert waited == [True]
    assert time.monotonic() - began > 0.2
    assert os.waitpid(orphan, 0)[1] == 0
    second.release()


def spawn(script: str, descriptor: int) -> int:
    """A process that inherits the descriptor."""
    os.set_inheritable(descriptor, True)
    return os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ)


@pytest.fixture(autouse=True)
def plain_signals() -> Iterator[None]:
    """The supervisor's handlers end with its loop."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
