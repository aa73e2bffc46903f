"""`dwell up`: everything together, in one terminal."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.commands.up.hold import Hold
from dwell.commands.up.lines import Lines
from dwell.commands.up.ports import address_of, is_answered, require_free
from dwell.commands.up.supervisor import DWELL, Part, Supervisor
from dwell.lifeline import Lifeline
from dwell.settings import Settings

PARTS: tuple[tuple[str, str, Callable[[Settings], bool]], ...] = (
    ("site", "cyan", lambda settings: is_answered(settings.host, settings.port)),
    ("project", "magenta", lambda settings: settings.published.exists()),
)
"""What runs, each as `dwell <name>`: its colour, and whether it does its work by now.

They are stopped in this order.
"""


@click.command("up")
@with_settings(*Settings.model_fields)
def command(settings: Settings) -> None:
    """Run the site and the projector together, until Ctrl-C.

    Each is a process of its own, started again when it ends by itself. Ctrl-C stops the site first,
    then the projector, which publishes the last facts before it ends.
    """
    parts = [
        Part(name, (*DWELL, name), colour, partial(ready, settings))
        for name, colour, ready in PARTS
    ]
    run(settings, parts)


def run(settings: Settings, parts: Sequence[Part]) -> None:
    """Hold the data folder and run the parts in it until a signal.

    Raises:
        AlreadyRunning: the folder is held, or the port is in use; nothing was made or started.
        DwellError: the folder cannot be written, or a part cannot work.
    """
    lines = Lines(sys.stdout, [part.name for part in parts], os.environ)
    hold = Hold(settings.data, settings.live / "up.lock")
    lifeline = Lifeline()

    def waits() -> None:
        lines.say("waiting for the processes of a `dwell up` that was killed to end")

    try:
        hold.take(waits, make=False)
        require_free(settings.host, settings.port)
        hold.take(waits, make=True)
        assert hold.descriptor is not None
        environ = os.environ | settings.environment() | lifeline.environment()
        supervisor = Supervisor(parts, environ, (lifeline.descriptor, hold.descriptor), lines)
        asyncio.run(supervisor.run(lambda: lines.say(welcome(settings))))
    finally:
        lifeline.close()
        hold.release()


def welcome(settings: Settings) -> str:
    """Where everything is, and what to type next."""
    dwell = _typed("dwell")
    elsewhere = (
        "" if settings.data == Path("data") else f" --data {shlex.quote(str(settings.data))}"
    )
    query = '"select view_name, engagement_time from pageview order by started_at desc limit 10"'
    return f"""
  The site is at       {address_of(settings.host, settings.port)}
  The data is in       {settings.data.resolve()}
  The warehouse is     {settings.published}, for any DuckDB client

  Look at a page for some seconds, then type in another terminal:
    {dwell} sql{elsewhere} {query}
  Ctrl-C ends it all.
"""


def _typed(name: str) -> str:
    """What a person types to run the command that runs now."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not beside.exists() or (found and Path(found).resolve() == beside.resolve()):
        return name
    near = os.path.relpath(beside)
    return str(beside) if near.startswith("..") else near
