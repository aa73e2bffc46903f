"""The page of the docs that is made from the named queries: `python -m tests.support.query_page` prints it.

Its examples are real answers, of simulated visitors who come to the demonstration for eight weeks.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dwell.commands.simulate.journeys import Visits
from dwell.commands.sql import forms
from dwell.warehouse import snapshot
from dwell.warehouse.queries import (
    PARAMETERS,
    VIEWS,
    Parameter,
    Query,
    bound,
    queries,
    with_whole_views,
)
from dwell.warehouse.session import Session
from tests.support.facts import Projected
from tests.support.simulated import stored

BEGAN = datetime(2026, 2, 2, tzinfo=UTC)
ENDED = BEGAN + timedelta(weeks=8)
VISITORS = 1_000
MOST_ROWS = 12
"""Rows of an answer that the page shows."""
EXAMPLES = {
    "engagement_distribution": {"view": "PageA"},
    "sessions": {"by": "week"},
    "returning_visitors": {"by": "week"},
    "retention_by_week": {"since": "8w"},
    "funnel": {"views": "PageA,PageB,Tab2"},
}
"""What is given beside `--until`, where something is."""

HEAD = """\
# The named queries

<!-- Made by `./dev docs` from warehouse/queries/*.sql: edit there. -->

The usual questions, each with a name. `dwell query` lists them, `dwell query NAME` asks one of the [published warehouse](querying.md):

    dwell query engagement_by_view
    dwell query sessions --since 8w --by week --timezone Europe/Berlin
    dwell query funnel --views PageA,PageB,Tab2 --format csv
    dwell query transitions --view PageA --format parquet --output transitions.parquet

`--format` and `--output` are those of [`dwell sql`](querying.md#dwell-sql). Under a table stands, on standard error, which period it is of and whether robots are in it. Exit status: 0, or 2 with one line that says what would be right.

- **The period** is the last 28 days, today included, up to now, where a query does not say another one. `--since` and `--until` take a time (`2026-03-01`, `2026-03-01T12:00`; of the time zone, unless the time says its own) or so long ago: `12h` to the second, `28d` and `8w` as whole days of the time zone, the last one included. `--since` counts back from `--until`, and what happens at `--until` is no longer in it: `--since 2026-03-01 --until 2026-04-01` is March. A period ends now at the latest, whatever `--until` says.
- **The time zone** of days, weeks, months and hours is `DWELL_TIMEZONE`, or `--timezone`: UTC if neither says. Weeks begin on Monday. The first and the last day of an answer may be parts of days.
- **Robots** that say so are left out, unless `--bots include` counts them too or `--bots only` them alone. They are in the tables all the same: `is_bot` in `session_with_agent` and `pageview_with_session` labels them.
- **Views** may be named by their ends: `PageA` is `dwell.site.pages.page_a.PageA` as long as no other view ends so.
- **Seconds** are seconds of engagement: the page could be seen, in the foreground tab of a window that was not minimised. Quantiles are exact.

Each query is a file of SQL in `warehouse/queries`, with parameters and nothing else put in. `--sql` prints it with the values as two statements that any client of DuckDB from 1.4 on can run:

    dwell query loss_ledger --since 1w --sql | duckdb -readonly data/warehouse.duckdb

A program asks them in Python, on a connection of [Dwell's own reader](querying.md#any-duckdb-client) or on DuckDB's:

```python
from datetime import UTC, datetime
from pathlib import Path

from dwell.warehouse.published import Published
from dwell.warehouse.queries import bound, find

published = Published(Path("data/warehouse.duckdb"))
query = find("engagement_by_view")
values = bound(query, {"since": "8w"}, timezone="Europe/Berlin", now=datetime.now(UTC))
with published.connection() as connection:
    for row in connection.execute(query.sql, values).fetchall():
        print(dict(zip(query.columns, row, strict=True)))
published.close()
```

`queries()` are all of them; each knows its `question`, its `columns` with their meanings, and its `parameters` with their defaults and choices.

"""

SPEED = """\
What a query costs grows with the pageviews of its period, not with those of the warehouse; `returning_visitors` and `retention_by_week` look through former sessions too. `./dev bench queries` measures each on 5 million pageviews of 26 weeks, of its usual period and of all. On two cores, in milliseconds (median of 2 on a connection that had answered it once before, a scheduler's real-time priority on a busy machine, DuckDB 2.0, 2026-11-26):

| | usual period | all 5 million |
|---|---|---|
| `engagement_distribution` | 37 | 133 |
| `funnel`, of three views | 32 | 157 |
| `engagement_by_view` | 37 | 172 |
| `returning_visitors` | 45 | 244 |
| `retention_by_week` (usually 12 weeks) | 163 | 280 |
| `entries_and_exits` | 58 | 342 |
| `sessions` | 59 | 389 |
| `tabs_compared` | 78 | 414 |
| `transitions` | 113 | 633 |
| `loss_ledger` | 105 | 758 |
| `losses_by_browser` | 104 | 768 |

What is above 200 groups five million pageviews by session (140 ms alone), or finds the pageview after each of them (240 ms), by ids of 16 bytes. Tables that knew the answers beforehand would have to be corrected with each late fact and each erasure, and kept equal to a replay; for half a year asked of at once that is not worth it.

"""

FOOT = """\
The answers below are of {visitors:,} simulated visitors over eight weeks, asked with `--until 2026-03-30`.
"""


def page() -> str:
    """`docs/queries.md`."""
    return "\n".join([HEAD + SPEED + FOOT.format(visitors=VISITORS), *_sections()])


def _sections() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "warehouse.duckdb"
        _publish(Path(folder) / "live" / "warehouse.duckdb", published)
        with Session(published) as session:
            views = [name for result in session.run(VIEWS) for (name,) in forms.rows_of(result)]
            for query in queries():
                yield _section(session, query, views)


def _publish(live: Path, published: Path) -> None:
    since, until = (round(moment.timestamp() * 1000) for moment in (BEGAN, ENDED))
    visits = Visits(seed=1, visitors=VISITORS, since=since, until=until)
    with Projected(live) as projected:
        projected.append(stored(visits)).project(20_000)
        projected.warehouse.checkpoint()
        snapshot.copy(live, published)


def _section(session: Session, query: Query, views: list[str]) -> str:
    given = EXAMPLES.get(query.name, {})
    asked = " ".join([query.name, *(f"--{name} {text}" for name, text in given.items())])
    return "\n\n".join(
        [
            f"## {query.name}",
            f"**{query.question}** {' '.join(query.story)}",
            _options(query),
            "| column | |\n|---|---|\n"
            + "\n".join(f"| `{name}` | {meaning} |" for name, meaning in query.columns.items()),
            f"```\n$ dwell query {asked}\n{_answer(session, query, given, views)}```\n",
        ]
    )


def _options(query: Query) -> str:
    """The options of a query that all the others have not."""
    common = ("since", "until", "bots", "timezone")
    own = [each for each in query.parameters if each.name not in common]
    said = [_option(query, each) for each in own]
    if "since" in query.defaults:
        said.append(f"`--since` is `{query.defaults['since']}` by default.")
    if "timezone" not in {each.name for each in query.parameters}:
        said.append("The time zone matters for the period alone.")
    return " ".join(said)


def _option(query: Query, parameter: Parameter) -> str:
    default = query.default_of(parameter)
    choices = f": {parameter.expected}" if parameter.choices else ""
    usual = f" By default: {default}." if default else ""
    needed = " It has to be given." if query.needed == parameter.name else ""
    return (
        f"`--{parameter.name}`: {PARAMETERS[parameter.name].meaning[:-1]}{choices}.{usual}{needed}"
    )


def _answer(session: Session, query: Query, given: dict[str, str], views: list[str]) -> str:
    until = {"until": ENDED.date().isoformat()}
    values = bound(query, until | given, timezone="UTC", now=ENDED)
    sink = io.StringIO()
    for result in session.run(query.sql, with_whole_views(values, views)):
        forms.table(result, sink)
    lines = sink.getvalue().splitlines(keepends=True)
    if len(lines) > MOST_ROWS + 3:
        lines = [*lines[: MOST_ROWS + 2], "…\n", lines[-1]]
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
