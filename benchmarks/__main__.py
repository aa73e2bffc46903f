"""Run benchmarks and print one table: `python -m benchmarks [NAME ...]`."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType

import click
from rich.console import Console
from rich.table import Table

from benchmarks.machine import conditions
from benchmarks.page import write
from benchmarks.rows import Row, figure

BENCHMARKS = (
    "benchmarks.embedded_log",
    "benchmarks.collector",
    "benchmarks.page_latency",
    "benchmarks.beacon_cost",
    "benchmarks.web_vitals",
    "benchmarks.trackers",
    "benchmarks.projection",
    "benchmarks.growth",
    "benchmarks.queries",
    "benchmarks.panels",
    "benchmarks.dashboard",
    "benchmarks.watching",
    "benchmarks.kafka_path",
    "benchmarks.publishing",
    "benchmarks.arrival",
    "benchmarks.replay",
    "benchmarks.soak",
    "benchmarks.kills",
    "benchmarks.hostile",
)
"""The modules, in the order in which they run."""


def modules() -> dict[str, ModuleType]:
    """The benchmarks by their names."""
    found = (import_module(name) for name in BENCHMARKS)
    return {module.NAME: module for module in found}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1), help="Runs of each.")
@click.option(
    "--facts",
    type=click.IntRange(1_000),
    help="How many, in a benchmark that says so, for a shorter run.",
)
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A page to write too, with flame graphs beside it.",
)
@click.option("--list", "listed", is_flag=True, help="Name the benchmarks and stop.")
def bench(
    names: tuple[str, ...], runs: int, facts: int | None, page: Path | None, listed: bool
) -> None:
    """Run the named benchmarks, or all but the longest, and print medians, spreads and ratios."""
    known = modules()
    if listed:
        for name, module in known.items():
            click.echo(f"{name:<16} {(module.run.__doc__ or '').partition(chr(10))[0]}")
        return
    for name in names:
        if name not in known:
            raise click.UsageError(f"no benchmark '{name}': expected one of {', '.join(known)}")
    chosen = names or [name for name, module in known.items() if not hasattr(module, "MINUTES")]
    sizes = {} if facts is None else {"facts": facts}
    for name in chosen:
        if not signature(known[name].run).parameters.keys() >= sizes.keys():
            raise click.UsageError(f"--facts {facts}: the size of {name} cannot be chosen")
    running = {name: known[name] for name in chosen}
    found = list(measured(running, runs, sizes))
    report(found)
    if page is not None:
        rows = [(name, each) for name, each in found if isinstance(each, Row)]
        given = (f"--{name} {value}" for name, value in sizes.items())
        write(page, rows, running, " ".join([f"--runs {runs}", *given, *names]))


def measured(
    chosen: dict[str, ModuleType], runs: int, sizes: dict[str, int]
) -> Iterator[tuple[str, Row | Table]]:
    """What each benchmark gives, with its name; says on standard error which one is running."""
    for name, module in chosen.items():
        click.echo(f"{name}: {runs} runs", err=True)
        for each in module.run(runs, **sizes):
            yield name, each


def report(found: Iterable[tuple[str, Row | Table]]) -> None:
    """Print the conditions, then the table of all rows, then the tables that came whole."""
    table = Table("benchmark", "measure", "unit", box=None, pad_edge=False)
    for heading in ("median", "least", "most", "runs", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("against / aim")
    whole = []
    for name, each in found:
        if isinstance(each, Row):
            table.add_row(name, *cells(each))
        else:
            whole.append(each)
    # A pipe or a file has no width of its own: nothing in it shall be folded.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for label, text in conditions():
        console.print(f"{label + ':':<10} {text}", highlight=False)
    for each in ([table] if table.rows else []) + whole:
        console.print()
        console.print(each)


def cells(row: Row) -> Iterator[str]:
    """The row as text, for the table's columns."""
    yield row.what
    yield row.unit
    yield figure(row.median)
    yield figure(min(row.values))
    yield figure(max(row.values))
    yield str(len(row.values))
    yield "" if row.ratio is None else f"{row.ratio:.3f}"
    yield ", ".join(filter(None, (row.against.what if row.against else "", row.aim)))


if __name__ == "__main__":
    bench(prog_name="python -m benchmarks")
