"""A named query: a question, the SQL that answers it, and what its columns mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from dwell.errors import QuestionInvalid
from dwell.warehouse.queries.parameters import PARAMETERS, Parameter
from dwell.warehouse.told import lines_of, pairs, paragraphs, parted

ORDER = (
    "engagement_by_view",
    "engagement_distribution",
    "sessions",
    "entries_and_exits",
    "transitions",
    "returning_visitors",
    "retention_by_week",
    "funnel",
    "tabs_compared",
    "loss_ledger",
    "losses_by_browser",
)
"""The queries, in the order in which people are told of them."""

VIEWS = "select distinct view_name from pageview order by view_name"
"""The names of the views that were ever looked at: what `view` and `views` may be."""

_COLUMN = re.compile(r"([a-z][a-z0-9_]*): (.+)")
_DEFAULT = re.compile(r"default ([a-z]+): (.+)")
_NEEDED = re.compile(r"needed: ([a-z]+)")
_PARAMETER = re.compile(r"\$([a-z]+)")


@dataclass(frozen=True)
class Query:
    """One file of this folder. Its first comment says everything but the SQL.

    Attributes:
        question: what it answers, in one line.
        story: what one should know of the answer, in paragraphs.
        columns: name and meaning of each column of the answer, in their order.
        defaults: of parameters that have others here than everywhere else.
        needed: the parameter without which there is no answer, or none.
        sql: one statement, its comment included. Parameters are named: `$since`.
    """

    name: str
    question: str
    story: tuple[str, ...]
    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    needed: str | None
    sql: str

    @property
    def parameters(self) -> list[Parameter]:
        """What it takes, in the order in which people are told of it."""
        named = set(_PARAMETER.findall(self.sql))
        return [each for each in PARAMETERS.values() if each.name in named]

    def default_of(self, parameter: Parameter) -> str | None:
        """What the parameter is here if nobody says."""
        return self.defaults.get(parameter.name, parameter.default)

    def script(self, values: Mapping[str, Any]) -> str:
        """The same for any client of DuckDB, with these values: two statements of SQL."""
        given = ", ".join(f"{name} := {_literal(value)}" for name, value in values.items())
        head, statement = parted(self.sql)
        return f"{head}prepare {self.name} as\n{statement}\nexecute {self.name}({given});\n"


def queries() -> list[Query]:
    """All of them."""
    return [_read(name) for name in ORDER]


def find(name: str) -> Query:
    """The query of that name; `engagement-by-view` is as good as `engagement_by_view`.

    Raises:
        QuestionInvalid: there is none; the message says which come near.
    """
    wanted = name.strip().lower().replace("-", "_").removesuffix(".sql")
    if wanted not in ORDER:
        near = [each for each in ORDER if wanted and wanted in each]
        near = near or get_close_matches(wanted, ORDER, n=3, cutoff=0.6)
        expected = " or ".join(near) if near else f"one of {', '.join(ORDER)}"
        raise QuestionInvalid(f"there is no query {name!r}: expected {expected}")
    return _read(wanted)


@cache
def _read(name: str) -> Query:
    sql = (files("dwell.warehouse.queries") / f"{name}.sql").read_text()
    question, *lines = lines_of(parted(sql)[0])
    columns, defaults = pairs(_COLUMN, lines), pairs(_DEFAULT, lines)
    needed = next((found[1] for line in lines if (found := _NEEDED.fullmatch(line))), None)
    if needed:
        del columns["needed"]
    told = [line for line in lines if not any(each.fullmatch(line) for each in (_COLUMN, _DEFAULT))]
    return Query(
        name,
        question,
        tuple(paragraphs(told)),
        MappingProxyType(columns),
        MappingProxyType(defaults),
        needed,
        sql,
    )


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case datetime():
            return f"timestamp '{value.isoformat(sep=' ')}'"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
    return "'" + str(value).replace("'", "''") + "'"
