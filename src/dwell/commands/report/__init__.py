"""`dwell report`: panels of the dashboard as pictures or a page, for a mail or a slide."""

from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.settings import Settings

FORMATS = ("html", "svg", "png")
MEASURES = ("visitors", "sessions", "pageviews", "median", "total")


@click.command("report")
@click.argument("panels", nargs=-1, metavar="[PANEL]...")
@click.option("--since", metavar="TIME", help="When the period begins: 28d, 8w, 2026-03-01.  [default: 28d, today included]")  # fmt: skip
@click.option(
    "--until",
    metavar="TIME",
    help="When it ends, itself not included; now at the latest.  [default: now]",
)
@click.option("--view", metavar="VIEW", help="One view alone, by its name or the end of it, as PageA.")  # fmt: skip
@click.option("--path", metavar="PATH", help="Pages of one path alone, as /page_a.")
@click.option("--browser", metavar="NAME", help="One browser alone, as Firefox.")
@click.option("--system", metavar="NAME", help="One operating system alone, as Linux.")
@click.option("--device", metavar="NAME", help="One kind of device alone, as phone.")
@click.option("--visitors", metavar="WHO", help="Visitors: all, new or returning.  [default: all]")
@click.option("--bots", metavar="WHAT", help="Robots: exclude, include or only.  [default: exclude]")  # fmt: skip
@click.option("--views", metavar="VIEW,VIEW", help="The steps of the funnel.")
@click.option(
    "--measure",
    type=click.Choice(MEASURES),
    default="total",
    show_default=True,
    help="What is shown over time.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="A page, or the picture of one panel.  [default: as FILE ends, else html]",
)
@click.option("--theme", type=click.Choice(("light", "dark")), default="light", show_default=True, help="Its colours.")  # fmt: skip
@click.option("--width", type=click.IntRange(240, 4000), default=880, show_default=True, help="Width of a picture, in pixels.")  # fmt: skip
@click.option("--scale", type=click.FloatRange(0.5, 8), default=2.0, show_default=True, help="Pixels of a PNG for each of them.")  # fmt: skip
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it there instead of to standard output.",
)
@with_settings("data", "timezone")
def command(
    settings: Settings,
    panels: tuple[str, ...],
    form: str | None,
    output: Path | None,
    measure: str,
    theme: str,
    width: int,
    scale: float,
    views: str | None,
    **selected: str | None,
) -> int:
    """Draw panels of the dashboard, without a browser; all of them if none is named.

    html is one file that needs no other and no network; svg and png are the picture of one panel.
    """
    from dwell.commands.report.reporting import Look, report

    look = Look(theme, width, scale, measure)  # type: ignore[arg-type]
    return report(settings, panels, selected, views or "", look, form, output)
