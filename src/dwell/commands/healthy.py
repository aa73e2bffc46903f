"""`dwell healthy`: whether the site, the projector or the dashboard does its work; for health checks."""

import asyncio
import logging
import time
from http.client import HTTPConnection, HTTPException

import click

from dwell.cli import with_settings
from dwell.errors import LogMismatch, LogUnavailable, WarehouseError
from dwell.health import LIVE, PREFIX
from dwell.settings import PROCESSES, Settings

ANSWER_SECONDS = 5
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@click.command("healthy")
@click.argument("process", type=click.Choice(["site", "project", "dashboard"]))
@click.option(
    "--within",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="With project: how old a fact may become before the published warehouse has it.",
)
@with_settings(
    *PROCESSES,
)
def command(settings: Settings, process: str, within: float) -> int:
    """Say whether the site, the projector or the dashboard does its work; run it where that one runs.

    The site is well if it answers, whether its log does or not. The projector is well if the published warehouse
    holds every fact that the log, or its --shard of it, has had for --within seconds; so it is not
    while it catches up, or while the log does not answer. The dashboard is well if it answers,
    whether anything is published or not. Exit status 0: well, 1: not.
    """
    if process == "site":
        trouble = trouble_of("site", settings.host, settings.port, settings.prefix + LIVE)
    elif process == "dashboard":
        host, port = settings.dashboard_host, settings.dashboard_port
        trouble = trouble_of("dashboard", host, port, PREFIX + LIVE)
    else:
        trouble = asyncio.run(trouble_of_projector(settings, within))
    click.echo(trouble or "well")
    return 1 if trouble else 0


def trouble_of(process: str, host: str, port: int, path: str) -> str | None:
    """Why a process that serves is not well."""
    host = EVERYWHERE.get(host, host)
    connection = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"the {process} does not answer on {host}:{port}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if status == 200 else f"the {process} answers {path} with {status}: expected 200"


async def trouble_of_projector(settings: Settings, within: float) -> str | None:
    """Why the projector is not well."""
    from dwell.consumers.freshness import overdue, published_positions, refuse_other
    from dwell.events.opening import open_reader

    logging.disable()  # the verdict says it
    reader = open_reader(settings)
    try:
        before = int((time.time() - within) * 1_000)
        held = published_positions(settings.published)
        await refuse_other(settings, reader)
        missing = await overdue(reader, held, before, settings.owns)
    except (LogMismatch, LogUnavailable, WarehouseError) as error:
        return str(error)
    finally:
        logging.disable(logging.NOTSET)
        await reader.close()
    where = ", ".join(f"offset {offset} of partition {each}" for each, offset in missing.items())
    return f"facts older than {within:g} s are not published: from {where} on" if where else None
