"""`dwell simulate`: visitors with a known truth, for demos and load, and the check against it."""

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from dwell.cli import with_settings
from dwell.settings import Settings

MOST_HISTORY = 399 * 86_400
_UNITS = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}


class Span(click.ParamType[int]):
    """A stretch of time as people write it, in seconds: 12h, 30d, 8w."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds, at least an hour and at most 399 days."""
        found = re.fullmatch(r"(\d{1,4})([hdw])", str(value))
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= MOST_HISTORY:
            self.fail(f"{value!r}: expected hours, days or weeks up to 399d, as 12h, 30d or 8w")
        return seconds


@click.command("simulate", context_settings={"show_default": True})
@click.option(
    "--visitors", type=click.IntRange(1, 1 << 28), default=1000, help="How many people visit."
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0.0,
    help="Facts a second; 0 is as fast as possible.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 4096),
    default=16,
    help="Visits that go on side by side.",
)
@click.option(
    "--url",
    metavar="URL",
    help="The collector.  [default: http://HOST:PORT/PREFIX/facts]",
)
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The truth file; runs are added to it.  [default: simulated-visitors.truth.jsonl in the data folder]",
)
@click.option(
    "--history",
    type=Span(),
    metavar="SPAN",
    help="Make a past this long, as 12h, 30d or 8w, each visit's facts sent together."
    "  [default: the last day, sent as browsers send them]",
)
@click.option("--seed", type=int, default=1, help="Another seed, other visitors.")
@click.option(
    "--check", is_flag=True, help="Send nothing: compare the published warehouse with the truth."
)
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="With --check: how long the warehouse may take to catch up.",
)
@with_settings("data", "host", "port", "prefix", "timezone")
def command(
    settings: Settings,
    visitors: int,
    rate: float,
    connections: int,
    url: str | None,
    truth: Path | None,
    history: int | None,
    seed: int,
    check: bool,
    wait: float,
) -> int:
    """Send visitors with a known truth, for demos and load.

    What every pageview must come out as is written to the truth file; --check compares the
    published warehouse with it: exit status 0 the same, 1 different, 2 could not tell.
    """
    from dwell.commands.simulate.truth import FILE_NAME

    file = truth or settings.data / FILE_NAME
    if check:
        from dwell.commands.simulate.checking import report

        return report(settings.published, file, wait)
    from dwell.commands.simulate.simulation import Simulation

    simulation = Simulation(
        url=_collector(url, settings),
        truth=file,
        visitors=visitors,
        seed=seed,
        rate=rate,
        connections=connections,
        history=history,
        timezone=settings.timezone,
        check=next_command(settings, truth),
    )
    return simulation.run()


def next_command(settings: Settings, truth: Path | None) -> str:
    """What a person types next, whatever they typed for this run."""
    from dwell.commands.up.typed import data_option, program

    elsewhere = "" if truth is None else f" --truth {shlex.quote(str(truth))}"
    return f"{program()} simulate --check --wait 30{data_option(settings)}{elsewhere}"


def _collector(url: str | None, settings: Settings) -> str:
    if url is None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{settings.port}{settings.prefix}/facts"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or len(parts.path) < 2:
        raise click.BadParameter(
            f"{url!r}: expected a URL such as http://127.0.0.1:8000/dwell/facts",
            param_hint="--url",
        )
    return url
