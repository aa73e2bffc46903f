"""A page, made from a run: what was aimed at, what came out, and what limits it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from benchmarks.machine import conditions
from benchmarks.rows import Row, figure

INTRODUCTION = """\
# Performance

Made by `./dev bench --page FILE {command}`. Every figure is the median of some runs, with the
least and the most of them; a ratio is the median of the ratios of paired runs. Load, log and broker are
on the same machine as what is measured, and take their share of it.
"""
IMAGES = "images"


def write(
    file: Path,
    rows: Sequence[tuple[str, Row]],
    modules: Mapping[str, ModuleType],
    command: str,
) -> None:
    """Write the page, and the flame graphs of those benchmarks that can make one beside it."""
    flames = {}
    for name, module in modules.items():
        if hasattr(module, "flame"):
            picture = file.parent / IMAGES / f"flame-{name}.svg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.unlink(missing_ok=True)
            module.flame(picture)
            if picture.exists():  # there is none where there can be no broker
                flames[name] = f"{IMAGES}/{picture.name}"
    file.write_text("\n".join(page(rows, modules, flames, command)) + "\n", "utf-8")


def page(
    rows: Sequence[tuple[str, Row]],
    modules: Mapping[str, ModuleType],
    flames: Mapping[str, str],
    command: str,
) -> Iterator[str]:
    """Its lines.

    Args:
        modules: the benchmarks that ran, by their names; what `LIMIT` one has is told.
        flames: where the flame graph of a benchmark is, relative to the page.
    """
    yield INTRODUCTION.format(command=command)
    yield from (f"- {label}: {text}" for label, text in conditions())
    aimed = [(name, row) for name, row in rows if row.holds is not None]
    if aimed:
        yield from ("", "## What was aimed at", "")
        yield from _table(
            ("", "measure", "unit", "aim", "median", "least", "most"), map(_aimed, aimed)
        )
    for name, module in modules.items():
        yield from ("", f"## {name}", "", (module.run.__doc__ or "").strip())
        if hasattr(module, "LIMIT"):
            yield from ("", f"**What limits it.** {module.LIMIT}")
        if name in flames:
            yield from (
                "",
                f"![Flame graph of {name}: where its processor time goes]({flames[name]})",
            )
        own = [row for of, row in rows if of == name]
        if own:
            yield ""
            yield from _table(
                ("measure", "unit", "median", "least", "most", "runs", "ratio", "against / aim"),
                map(_whole, own),
            )


def _aimed(named: tuple[str, Row]) -> tuple[str, ...]:
    name, row = named
    value = row.ratio if row.aims_at_ratio and row.ratio is not None else row.median
    return (
        "holds" if row.holds else "missed",
        f"{name}: {row.what}",
        "" if row.aims_at_ratio else row.unit,
        row.aim,
        f"{value:.3f}" if row.aims_at_ratio else figure(value),
        "" if row.aims_at_ratio else figure(min(row.values)),
        "" if row.aims_at_ratio else figure(max(row.values)),
    )


def _whole(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        row.unit,
        figure(row.median),
        figure(min(row.values)),
        figure(max(row.values)),
        str(len(row.values)),
        "" if row.ratio is None else f"{row.ratio:.3f}",
        ", ".join(filter(None, (row.against.what if row.against else "", row.aim))),
    )


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    yield from (f"| {' | '.join(line)} |" for line in lines)
