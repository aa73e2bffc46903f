"""The page of the docs that is made from the panels: `python -m dwell.warehouse.panels.page` prints it."""

import sys

from dwell.warehouse.panels.panel import Column, Panel, panels
from dwell.warehouse.panels.selection import SELECTING
from dwell.warehouse.queries import Parameter

HEAD = """\
# The panels

<!-- Made by `./dev docs` from warehouse/panels/*.sql: edit there. -->

What the dashboard shows, panel by panel: each is a question about a selection of pageviews, and a file of SQL in `warehouse/panels`. Where a [named query](queries.md) asks the same, the figures are the same, and tests hold them so.

## What is selected

"""

RULES = """
- **The period** is what it is for a [named query](queries.md): the last 28 days, today included, if nobody says another one. One that ends now ends with the running minute. A pageview belongs to the period if it began in it, a session and its visitor if the session began in it.
- **The period before** is as many whole days earlier as the period has, by the clocks of the time zone: it has the same hours, and the same weekdays if it is of whole weeks. A period of less than a day that does not begin at midnight follows the one before at once. Where clocks change within one of them, hours are compared by their number, so those after the change lie beside the one before or behind their own.
- **A view or a path** chooses pageviews: they alone are counted, and the sessions that have one of them. What such a session saw else counts for where it began and ended and for the steps of a funnel.
- **Robots** that say so are left out, unless they are asked for.
- **A view, a path, a browser or a system** that nobody ever looked at or came with is refused, with those that come near.
- **Seconds** are seconds of engagement: the page could be seen, in the foreground tab of a window that was not minimised. Medians are exact.

"""

PROGRAM = """\
## From a program

```python
from datetime import UTC, datetime
from pathlib import Path

from dwell.warehouse.panels import Board, Selection

board = Board(Path("data/warehouse.duckdb"))
given = {"since": "7d", "device": "phone"}
selection = Selection.of(given, timezone="Europe/Berlin", now=datetime.now(UTC))
for row in board.answer("views", selection).rows():
    print(row)
board.close()
```

A `Board` is for a process that lives long: any thread may ask it, and each answer is of the newest publication. It keeps the pageviews of the periods used last in memory, as columns of numbers that all panels are counted from, whatever is selected; the first panel that is asked of a period waits until they are read, and of the next publication until what is new is. Of more than three million pageviews DuckDB is asked instead. DuckDB takes 512 MiB at most, and what does not fit goes to a temporary folder. `./dev bench panels` measures all panels of 28 days on 12 million pageviews of a year, and what a change of the selection costs there and on one million.

"""


def panels_page() -> str:
    """`docs/panels.md`."""
    selecting = "\n".join(map(_selecting, SELECTING.values()))
    return (
        HEAD
        + "| name | |\n|---|---|\n"
        + f"{selecting}\n"
        + RULES
        + PROGRAM
        + "\n".join(map(_section, panels()))
    )


def _selecting(parameter: Parameter) -> str:
    default = f" By default: {parameter.default}." if parameter.default else ""
    choices = f" {', '.join(parameter.choices)}." if parameter.choices else ""
    return f"| `{parameter.name}` | {parameter.meaning}{choices}{default} |"


def _section(panel: Panel) -> str:
    told = "".join(f"\n`{each.name}`: {each.meaning}\n" for each in panel.parameters)
    columns = "\n".join(map(_column, panel.columns))
    return (
        f"## {panel.name}\n\n**{panel.question}** {' '.join(panel.story)}".rstrip()
        + f"\n{told}\n| column | unit | |\n|---|---|---|\n{columns}\n"
    )


def _column(column: Column) -> str:
    return f"| `{column.name}` | {column.unit} | {column.meaning} |"


if __name__ == "__main__":
    sys.stdout.write(panels_page())
