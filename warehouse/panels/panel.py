"""A panel: a question of the dashboard, the SQL that answers it, and what its columns mean."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from dwell.errors import QuestionInvalid
from dwell.warehouse.panels.selection import Selection
from dwell.warehouse.panels.tables import Forms, wanted_by
from dwell.warehouse.queries import query
from dwell.warehouse.queries.parameters import PARAMETERS, Parameter
from dwell.warehouse.told import lines_of, paragraphs, parted

ORDER = (
    "totals",
    "series",
    "views",
    "view_distribution",
    "pages",
    "transitions",
    "entries_and_exits",
    "sessions_by_hour",
    "browsers",
    "systems",
    "devices",
    "referrers",
    "retention",
    "funnel",
    "tabs",
    "completeness",
    "live",
)
"""The panels, in the order in which people are told of them."""

EXTRA = (PARAMETERS["views"],)
"""What a panel can be told beside a selection."""

AGENTS = {"known_agent", "browser_agent"}
"""The tables that know nothing of pageviews and visitors."""

_COLUMN = re.compile(r"([a-z][a-z0-9_]*)(?: \(([^)]+)\))?: (.+)")
_QUERY = re.compile(r"as the query: (\w+)")
_PARAMETER = re.compile(r"\$([a-z_]+)")


@dataclass(frozen=True)
class Column:
    """A column of an answer.

    Attributes:
        unit: `s` for seconds, `%`, `time` for a moment in UTC; nothing for counts and names.
    """

    name: str
    meaning: str
    unit: str


@dataclass(frozen=True)
class Panel:
    """One file of this folder. Its first comment says everything but the SQL.

    Attributes:
        question: what it answers, in one line.
        story: what one should know of the answer, in paragraphs.
        sql: one statement, its comment included, on the tables of `period/` and `selecting/`. Parameters are
            named: `$since`.
    """

    name: str
    question: str
    story: tuple[str, ...]
    columns: tuple[Column, ...]
    sql: str

    @property
    def parameters(self) -> list[Parameter]:
        """What it takes beside a selection."""
        return [each for each in EXTRA if each.name in self.named]

    @property
    def named(self) -> frozenset[str]:
        """The names of all parameters of its SQL."""
        return parameters_of(self.sql)

    def heeded(self, selection: Selection) -> Selection:
        """The selection without what changes nothing in the answer: another that differs in it alone is
        the same question."""
        if not wanted_by(self.sql, Forms()) <= AGENTS:
            return selection
        view = selection.view if "view" in self.named else None
        path = selection.path if "path" in self.named else None
        return replace(selection, view=view, path=path, visitors="all")


def panels() -> list[Panel]:
    """All of them."""
    return [_read(name) for name in ORDER]


def find(name: str) -> Panel:
    """The panel of that name.

    Raises:
        QuestionInvalid: there is none; the message says which come near.
    """
    if name not in ORDER:
        near = get_close_matches(name, ORDER, n=3, cutoff=0.6)
        expected = " or ".join(near) if near else f"one of {', '.join(ORDER)}"
        raise QuestionInvalid(f"there is no panel {name!r}: expected {expected}")
    return _read(name)


@cache
def parameters_of(sql: str) -> frozenset[str]:
    """The names of the parameters that a statement has."""
    return frozenset(_PARAMETER.findall(sql))


def told(name: str, sql: str) -> Panel:
    """What the comment of a file of SQL says of it.

    A panel that says so is the named query, asked of the selection's browser agents alone.
    """
    question, *lines = lines_of(parted(sql)[0])
    columns = [match for line in lines if (match := _COLUMN.fullmatch(line))]
    named = next((match[1] for line in lines if (match := _QUERY.fullmatch(line))), None)
    story = [line for line in lines if not (_COLUMN.fullmatch(line) or _QUERY.fullmatch(line))]
    return Panel(
        name,
        question,
        tuple(paragraphs(story)),
        tuple(Column(each[1], each[3], each[2] or "") for each in columns),
        query.find(named).sql if named else sql,
    )


@cache
def _read(name: str) -> Panel:
    return told(name, (files("dwell.warehouse.panels") / f"{name}.sql").read_text())


@cache
def asked(name: str) -> Panel:
    """What is asked beside the panels, in the same form: a file of `asking/`."""
    return told(name, (files("dwell.warehouse.panels") / "asking" / f"{name}.sql").read_text())
