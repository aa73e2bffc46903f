"""What one publication of the warehouse says of a pageview."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dwell.commands.explain.questions import question
from dwell.warehouse.asking import asking

Row = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """The rows about a pageview.

    Attributes:
        told: its row as the browsers told it; None if there is none.
        shown: the same with the rules of the warehouse applied, if it has rules.
        changes: its facts, as the warehouse has them.
        place: which of its session's pageviews it is.
        following: the pageviews that came after it in the same tab.
    """

    told: Row | None
    shown: Row | None
    changes: list[Row]
    session: Row | None
    place: int | None
    agent: Row | None
    previous: Row | None
    following: list[Row]
    ledger: Row | None


class Warehouse:
    """One publication, asked about pageviews."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._ruled = bool(self._rows("ruled"))

    def account(self, pageview: str) -> Account:
        """What it says of this pageview."""
        with self._as_told():
            told = self._row("pageview", pageview=pageview)
            changes = self._rows("changes", pageview=pageview)
        shown = self._row("pageview", pageview=pageview)
        if shown is None:
            return Account(told, None, changes, None, None, None, None, [], None)
        session = self._row("session", session=shown["session_id"])
        visit = self._row("visit", session=shown["session_id"], pageview=pageview)
        previous = shown["previous_pageview_id"]
        return Account(
            told,
            shown,
            changes,
            session,
            None if visit is None else visit["place"],
            session and self._row("agent", agent=session["browser_agent"]),
            previous and self._row("pageview", pageview=previous),
            self._rows("following", pageview=pageview),
            self._row("ledger", pageview=pageview, started_at=shown["started_at"]),
        )

    def erasures(self, visitors: Iterable[str]) -> dict[str, datetime]:
        """By visitor who was forgotten, up to when."""
        rows = self._rows("erasures", visitors=sorted(visitors))
        return {str(row["visitor_id"]): row["received_at"] for row in rows}

    def letters(self, pageview: str) -> list[Row]:
        """The dead letters that name this pageview."""
        return self._rows("letters", pageview=pageview)

    def positions(self) -> dict[int, int]:
        """By partition, the offset of the next record to be read."""
        return {row["partition"]: row["next_offset"] for row in self._rows("offsets")}

    def info(self) -> dict[str, str]:
        """What made it."""
        return {row["name"]: row["value"] for row in self._rows("info")}

    @contextmanager
    def _as_told(self) -> Iterator[None]:
        """Have names mean the tables as the browsers told them, for the time of a `with`."""
        if self._ruled:
            self._connection.execute("set search_path = 'warehouse.browser,warehouse.main'")
        yield
        if self._ruled:
            self._connection.execute("set search_path = 'warehouse.main'")

    def _row(self, name: str, **parameters: Any) -> Row | None:
        return next(iter(self._rows(name, **parameters)), None)

    def _rows(self, name: str, **parameters: Any) -> list[Row]:
        found = self._connection.execute(question(name), parameters)
        columns = [column for column, *_ in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


@contextmanager
def opened(published: Path) -> Iterator[Warehouse]:
    """The publication there is now, for the time of a `with`.

    Raises:
        WarehouseError: nothing is published yet, or the file cannot be read.
    """
    with asking(published) as connection:
        yield Warehouse(connection)
