"""`dwell up`: everything together, in one terminal."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import click

from dwell import messages
from dwell.cli import with_settings
from dwell.commands.up.hold import Hold
from dwell.commands.up.lines import Lines
from dwell.commands.up.ports import address_of, is_answered, require_distinct, require_free
from dwell.commands.up.supervisor import DWELL, STEADY_SECONDS, Part, Supervisor
from dwell.commands.up.typed import data_option, program
from dwell.errors import SettingInvalid
from dwell.lifeline import Lifeline
from dwell.locks import holder
from dwell.settings import Settings

INTERRUPTED = 130
"""Exit status after a second Ctrl-C."""


def parts_of(settings: Settings) -> list[Part]:
    """What runs, each as `dwell <name>`, in the order in which they are stopped."""
    answered = partial(is_answered, settings.host, settings.port)
    shown = _answers(settings.dashboard_host, settings.dashboard_port)
    return [
        Part("site", (*DWELL, "site"), "cyan", answered),
        Part("dashboard", (*DWELL, "dashboard"), "yellow", shown, needed=False),
        Part("project", (*DWELL, "project"), "magenta", _publishes(settings)),
    ]


def _answers(host: str, port: int) -> Callable[[], bool]:
    """Tells whether somebody answers there who did not before."""
    before = is_answered(host, port)
    return lambda: not before and is_answered(host, port)


def _publishes(settings: Settings) -> Callable[[], bool]:
    """Tells whether something was published since now; the projector does so when it starts. One that takes
    up a promoted warehouse reads on first, for days perhaps, while people see what they have seen: it is at
    work if it has held the warehouse for a while."""

    def version() -> tuple[int, int] | None:
        try:
            status = settings.published.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    before = version()
    lock = settings.warehouse.with_name(f"{settings.warehouse.name}.lock")
    held_since: float | None = None

    def works() -> bool:
        nonlocal held_since
        if version() not in (None, before):
            return True
        if before is None or holder(lock) is None:
            held_since = None
            return False
        held_since = held_since or time.monotonic()
        return time.monotonic() - held_since > STEADY_SECONDS

    return works


@click.command("up")
@with_settings(*(name for name in Settings.model_fields if name not in ("broker_port", "shard")))
def command(settings: Settings) -> int:
    """Run the site, the projector and the dashboard together, until Ctrl-C.

    Each is a process of its own, started again when it ends by itself. Where the dashboard cannot
    start, the others go on without it. Ctrl-C stops the site first, then the dashboard, then the
    projector, which publishes the last facts before it ends. A second Ctrl-C kills all.
    """
    if settings.shard:
        raise SettingInvalid(
            f"DWELL_SHARD is '{settings.shard}': expected none with `dwell up`, whose one projector "
            f"reads everything; or `dwell site` with a `dwell project --shard {settings.shard}` "
            "and its siblings beside it"
        )
    messages.begin(settings.messages, "up")
    return run(settings, parts_of)


def run(settings: Settings, parts_of: Callable[[Settings], Sequence[Part]]) -> int:
    """Hold the data folder and run the parts in it until a signal; returns the exit status.

    Raises:
        AlreadyRunning: the folder is held, or the port is in use; nothing was made or started.
        SettingInvalid: two parts are to listen at one port; nothing was made or started.
        LogMismatch: the warehouse in the folder was made from another log; nothing was started.
        DwellError: the folder cannot be written, or a part cannot work.
    """
    names = [part.name for part in parts_of(settings)]
    lines = Lines(sys.stdout, names, os.environ, settings.messages)
    hold = Hold(settings.data, settings.live / "up.lock")
    lifeline = Lifeline()

    def waits() -> None:
        lines.say("waiting for the processes of a `dwell up` that was killed to end")

    try:
        require_distinct(_addresses(settings))
        hold.take(waits, make=False)
        require_free(settings.host, settings.port)
        _require_own_log(settings)
        hold.take(waits, make=True)
        assert hold.descriptor is not None
        environ = os.environ | settings.environment() | lifeline.environment()
        parts = parts_of(settings)  # only now nobody else publishes
        supervisor = Supervisor(parts, environ, (lifeline.descriptor, hold.descriptor), lines)

        def greet() -> None:
            lines.say(welcome(settings, shown="dashboard" not in supervisor.left_out))

        orderly = asyncio.run(supervisor.run(greet))
        return 0 if orderly else INTERRUPTED
    finally:
        lifeline.close()
        hold.release()


def _addresses(settings: Settings) -> dict[str, tuple[str, int]]:
    """Where the parts listen, by the settings that say the ports."""
    figures = ("site_figures_port", "projector_figures_port", "dashboard_figures_port")
    return {
        "port": (settings.host, settings.port),
        "dashboard_port": (settings.dashboard_host, settings.dashboard_port),
        **{name: (settings.figures_host, getattr(settings, name)) for name in figures},
    }


def _require_own_log(settings: Settings) -> None:
    """Before the site answers for facts, or the wrong log is made."""
    if settings.live.exists():
        from dwell.commands.up.own_log import require_own

        require_own(settings, ask=True)


def welcome(settings: Settings, *, shown: bool = True) -> str:
    """Where everything is, and what to type next; `shown` if there is a dashboard."""
    dashboard = address_of(settings.dashboard_host, settings.dashboard_port)
    query = '"select view_name, engagement_time from pageview order by started_at desc limit 10"'
    return f"""
  The site is at       {address_of(settings.host, settings.port)}
  The dashboard is at  {dashboard if shown else "no address: its line above says why"}
  The data is in       {settings.data.resolve()}
  The warehouse is     {settings.published.resolve()}, for any DuckDB client

  Look at a page for some seconds, then type in another terminal:
    {program()} sql{data_option(settings)} {query}
  The figures of a page that is still open arrive at 5, 10, 20, 40 … seconds and when you leave it.
  Ctrl-C ends it all.
"""
