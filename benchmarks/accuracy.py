"""docs/accuracy.md, from what the scenarios measured: `./dev accuracy` runs them and writes it."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import conditions

NAMES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKit"}
SHOWN = ("date", "machine", "system")

INTRODUCTION = """\
# How right the seconds are

<!-- Made by `./dev accuracy` from a run of tests/browser/engagement: run it, do not edit. -->

Each row is something that people and machines do with a page, done to a real browser whose
visibility is real, so that the seconds for which the page could be seen are known. They are known
between two bounds: a page comes into view at some moment of the act that shows it. The truth below is
the middle of the bounds, with ± half of what lies between them, and the measurement is what the
facts say that arrived at the collector.

A run passes if every pageview of it lies within 0.25 s of the bounds; "allowed" says so where a
fault may cost more. Each pageview of a passed run has its view, its identity, its session and its
ids. The error is the measurement less the middle of the bounds, of all runs and pageviews the one
furthest from zero; the spread lies between the least error and the greatest.

"vis" means that the page can be seen, "hid" that another tab is in front; numbers are seconds.
"""

Pair = tuple[float, float]


@dataclass
class Row:
    """A scenario in an engine, run by run."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[dict[str, str]] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """How many runs passed."""
        return sum(one["outcome"] == "passed" for one in self.outcomes)

    @property
    def reasons(self) -> list[str]:
        """Why runs did not pass, or could not be made."""
        return sorted({one["reason"] for one in self.outcomes if one["reason"]})

    @property
    def truths(self) -> list[list[Pair]]:
        """The bounds of each pageview, run by run."""
        return [[(least, most) for least, most in run["truths"]] for run in self.runs]

    @property
    def whole(self) -> list[dict[str, Any]]:
        """The runs with as many pageviews as there were."""
        return [run for run in self.runs if len(run["truths"]) == len(run["measured"])]

    @property
    def errors(self) -> list[float]:
        """What was measured less the truth, of every pageview of whole runs."""
        return [
            measured - (least + most) / 2
            for run in self.whole
            for (least, most), measured in zip(run["truths"], run["measured"], strict=True)
        ]


Rows = dict[str, dict[str, Row]]
"""By engine and scenario."""


def read(file: Path) -> tuple[Rows, dict[str, str]]:
    """What was measured, and the versions of the engines."""
    rows: Rows = {}
    versions: dict[str, str] = {}
    for line in file.read_text().splitlines():
        said = json.loads(line)
        row = rows.setdefault(said["engine"], {}).setdefault(said["scenario"], Row())
        if "outcome" in said:
            row.outcomes.append(said)
        else:
            row.runs.append(said)
            versions[said["engine"]] = said["version"] or versions.get(said["engine"], "")
    return rows, versions


def page(rows: Rows, versions: dict[str, str]) -> str:
    """The page, as Markdown."""
    return INTRODUCTION + "".join(
        line + "\n" for line in (*_conditions(versions), *_engines(rows), *_making())
    )


def _conditions(versions: dict[str, str]) -> Iterator[str]:
    yield ""
    for name, value in conditions():
        if name in SHOWN:
            yield f"- {name}: {value}"
    yield f"- browsers: {', '.join(versions[engine] for engine in NAMES if engine in versions)}"


def _engines(rows: Rows) -> Iterator[str]:
    order = list(dict.fromkeys(title for engine in NAMES for title in rows.get(engine, {})))
    for engine, name in NAMES.items():
        if engine in rows:
            yield from _table(name, rows[engine], order)
            yield from _shortfalls(name, rows[engine], order)


def _table(name: str, rows: dict[str, Row], order: Sequence[str]) -> Iterator[str]:
    made = [title for title in order if title in rows and rows[title].runs]
    full = sum(rows[title].passed == len(rows[title].outcomes) for title in made)
    yield from ("", f"## {name}", "", f"{full} of {len(made)} scenarios passed in every run.", "")
    yield "| scenario | truth | measured (median) | greatest error | spread | allowed | passed |"
    yield "|---|---|---|---|---|---|---|"
    for title in made:
        yield _line(title, rows[title])


def _line(title: str, row: Row) -> str:
    less, more = row.runs[0]["allowed"]
    allowed = "" if less == more else f"-{less:g} to +{more:g}"
    cells = [title, _truth(row), _measured(row), *_error(row), allowed]
    return f"| {' | '.join(cells)} | {row.passed} of {len(row.outcomes)} |"


def _truth(row: Row) -> str:
    if not row.truths[0]:
        return "no pageview"
    middles = [median(sum(pair) / 2 for pair in each) for each in zip(*row.truths, strict=True)]
    bounds = max(most - least for run in row.truths for least, most in run) / 2
    return f"{_seconds(middles)} ± {bounds:.2f}"


def _measured(row: Row) -> str:
    whole = [run["measured"] for run in row.whole]
    if not whole:
        return f"{len(row.runs[0]['measured'])} pageviews"
    return _seconds([median(each) for each in zip(*whole, strict=True)]) or "no pageview"


def _error(row: Row) -> tuple[str, str]:
    errors = row.errors
    if not errors:
        return "", ""
    return f"{max(errors, key=abs):+.2f}", f"{max(errors) - min(errors):.2f}"


def _seconds(each: Sequence[float]) -> str:
    return ", ".join(f"{seconds:.2f}" for seconds in each)


def _shortfalls(name: str, rows: dict[str, Row], order: Sequence[str]) -> Iterator[str]:
    failed = [
        title
        for title in order
        if title in rows and rows[title].runs and rows[title].passed < len(rows[title].outcomes)
    ]
    untried = [title for title in order if title in rows and not rows[title].runs]
    if failed:
        yield from ("", f"Not passed in every run, in {name}:", "")
        yield from (f"- {title}: {_why(rows[title])}." for title in failed)
    if untried:
        yield from ("", f"Not to be tried in {name}:", "")
        yield from (f"- {title}: {_why(rows[title])}." for title in untried)


def _why(row: Row) -> str:
    return "; ".join(row.reasons) or "the cause is not known"


def _making() -> Iterator[str]:
    yield from ("", "## How to make this page", "")
    yield "    ./dev accuracy"
    yield ""
    yield "It brings the three browsers where it can, runs every scenario five times in each, the engines"
    yield "side by side, and writes this page. `./dev test --long` holds the same scenarios to the same bounds,"
    yield "and fails if a row that is known not to pass does after all."


if __name__ == "__main__":
    sys.stdout.write(page(*read(Path(sys.argv[1]))))
