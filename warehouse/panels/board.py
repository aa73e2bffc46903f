"""The board: every panel of any selection, of the newest publication, for a process that lives long."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import duckdb

from dwell.errors import QueryFailed, QuestionInvalid
from dwell.warehouse.panels.answer import Answer
from dwell.warehouse.panels.columns import MOST_PAGEVIEWS, Columns, Latest
from dwell.warehouse.panels.panel import Panel, asked, find
from dwell.warehouse.panels.publication import Publication, publication_of
from dwell.warehouse.panels.selection import SELECTING, Selection
from dwell.warehouse.panels.selections import Selections, run
from dwell.warehouse.panels.timeline import Timeline, line_of
from dwell.warehouse.published import Attached, Published
from dwell.warehouse.queries import VIEWS, names_of_views, utc, view_named

CHOICES = ("view", "path", "browser", "system", "device")
"""What `choices` offers values for."""
MEMORY = 512
"""MiB that DuckDB may take; what does not fit goes to a temporary folder."""
AGENTS = "select distinct browser, system from browser_agent where browser is not null"
PATH = "select 1 from pageview where coalesce(identity ->> '$.path', '') = ? limit 1"
MOST_TOLD = 20
"""Names that a message offers."""
MOST_PATHS = 8
"""Paths that one offers: they are longer."""
SHARE = 0.4
"""Of it, for selections that are kept for whoever asks next."""


class Board:
    """For many threads; each answer is of the publication that is the newest when it is asked for.

    Args:
        memory: MiB.
        threads: how many work on a statement; by default as many as there are processors.
        most_pageviews: of how many, since a period before began, panels are counted in memory; of more,
            and whatever else is asked, DuckDB is asked in SQL.
        clock: what time it is, with a zone.

    Every method raises `WarehouseError` if nothing is published yet, the file cannot be read, or DuckDB has
    no room for the answer.
    """

    def __init__(
        self,
        published: Path,
        *,
        memory: int = MEMORY,
        threads: int | None = None,
        most_pageviews: int = MOST_PAGEVIEWS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        limits: dict[str, str | int] = {
            "memory_limit": f"{memory}MiB",
        }
        if threads is not None:
            limits["threads"] = threads
        self._clock = clock
        self._most_pageviews = most_pageviews
        self.path = published
        self._published = Published(published, limits)
        self._most_bytes = round(memory * 2**20 * SHARE)
        self._lock = threading.Lock()
        self._kept: dict[Attached, _Kept] = {}
        self._latest = Latest()

    def answer(
        self,
        panel: str,
        selection: Selection,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """What a panel says of a selection.

        Args:
            extra: what the panel takes beside it, as texts.

        Raises:
            QuestionInvalid: there is no such panel or view, or the panel takes no such thing.
        """
        wanted = find(panel)
        return self._ask(wanted, selection, _told(wanted, extra))

    def prepare(self, selection: Selection, most_pageviews: int = MOST_PAGEVIEWS) -> bool:
        """Have in memory what panels of this selection are counted from, and of every other one in its
        period and later, unless that is of more pageviews; whether it is there."""
        with self._newest() as attached:
            return self._kept_of(attached).columns.prepare(
                selection, most_pageviews, attached.cursor
            )

    def sessions(self, selection: Selection, *, before: str = "", limit: int = 50) -> Answer:
        """The selected sessions that began last.

        Args:
            before: the `cursor` of one of them, for those that began before it.
            limit: how many at most.

        Raises:
            QuestionInvalid: there is no such view, or `before` is no cursor.
        """
        told = _cursor(before) | {"most": limit}
        return self._ask(asked("sessions"), selection, told)

    def choices(self, selection: Selection) -> dict[str, list[str]]:
        """What there is to be selected in its period: views, paths, browsers, systems and devices,
        the most frequent first, two hundred of each at most."""
        whole = replace(
            selection, view=None, path=None, browser=None, system=None, device=None, visitors="all"
        )
        found: dict[str, list[str]] = {name: [] for name in CHOICES}
        for row in self._ask(asked("choices"), whole, {}).rows():
            found[row["name"]].append(row["value"])
        return found

    def timeline(self, session_id: str) -> Timeline | None:
        """A session with all its pageviews, whatever is selected; nothing if there is none."""
        try:
            told: dict[str, Any] = {"session": str(UUID(session_id))}
        except ValueError:
            return None
        with self._newest() as attached, attached.cursor() as cursor:
            sessions = _rows(cursor, asked("session").sql, told)
            if not sessions:
                return None
            lines = _rows(cursor, asked("session_pageviews").sql, told | sessions[0])
            visits = _rows(cursor, asked("session_visitor").sql, told | sessions[0])
            return Timeline(
                sessions[0],
                tuple(line_of(each) for each in lines),
                tuple(visits),
                self._kept_of(attached).publication,
            )

    def publication(self) -> Publication:
        """The newest one."""
        with self._newest() as attached:
            return self._kept_of(attached).publication

    def close(self) -> None:
        """Let go of the file, and of everything in memory."""
        self._published.close()
        self._kept.clear()
        self._latest = Latest()

    @contextmanager
    def _newest(self) -> Iterator[Attached]:
        """The newest publication, for the time of a `with`, in which DuckDB may fail."""
        try:
            with self._published.newest() as attached:
                yield attached
        except duckdb.Error as error:
            raise QueryFailed(str(error).partition("\n")[0]) from None

    def _ask(self, panel: Panel, selection: Selection, told: dict[str, Any]) -> Answer:
        with self._newest() as attached:
            kept = self._kept_of(attached)
            selection, told = kept.with_whole_views(attached, selection, told)
            selection = kept.with_known_agents(attached, selection)
            if not kept.knows_path(attached, selection):
                asked_for = selection.path, selection.since
                if kept.unknown_path[0] != asked_for:
                    kept.unknown_path = asked_for, self._unknown_path(selection)
                raise QuestionInvalid(kept.unknown_path[1])
            told = told | {"now": utc(self._clock())}
            found = kept.columns.answer(panel.name, selection, told, attached.cursor)
            if found is not None:
                return Answer(panel.columns, tuple(found[1]), found[0], kept.publication)
            values = selection.values() | told
            with kept.selections.use(attached, selection, panel.sql) as cursor:
                rows, description = run(cursor, panel.sql, values)
            assert [column[0] for column in description] == [each.name for each in panel.columns]
            types = tuple(str(column[1]) for column in description)
            return Answer(panel.columns, types, rows, kept.publication)

    def _unknown_path(self, selection: Selection) -> str:
        """That nobody looked at it, and which paths come near of those that are looked at most."""
        path, known = selection.path or "", self.choices(selection)["path"]
        near = get_close_matches(path, known, n=3) or known[:MOST_PATHS]
        expected = " or ".join(near) or "one that somebody looked at"
        return f"path is {path!r}, and nobody looked at it: expected {expected}"

    def _kept_of(self, attached: Attached) -> "_Kept":
        with self._lock:
            kept = self._kept.get(attached)
            if kept is None:
                # What is kept of a publication can ask it, so that it would keep itself.
                self._kept = {each: kept for each, kept in self._kept.items() if each.leases}
                kept = self._kept[attached] = _Kept(
                    attached, self._most_bytes, Columns(self._most_pageviews, self._latest)
                )
            return kept


class _Kept:
    """What is known of one publication, and made of it."""

    def __init__(self, attached: Attached, most_bytes: int, columns: Columns) -> None:
        self.selections = Selections(most_bytes)
        self.columns = columns
        self._views: list[str] | None = None
        self._agents: list[tuple[str, str]] | None = None
        self._paths: dict[str, bool] = {}
        self.unknown_path: tuple[Any, str] = None, ""
        """The last one, with its period, and what was said of it: every panel of a board asks for it."""
        with attached.cursor() as cursor:
            self.publication = publication_of(attached.identity, cursor)

    def with_whole_views(
        self, attached: Attached, selection: Selection, told: dict[str, Any]
    ) -> tuple[Selection, dict[str, Any]]:
        """The same with whole names of views in place of ends of them.

        Raises:
            QuestionInvalid: there is no such view, or several.
        """
        if selection.view:
            whole = view_named(selection.view, self._known_views(attached))
            selection = replace(selection, view=whole)
        if told.get("views"):
            known = self._known_views(attached)
            told = told | {"views": [view_named(each, known) for each in told["views"]]}
        return selection, told

    def with_known_agents(self, attached: Attached, selection: Selection) -> Selection:
        """The same with browser and system as they are written there. Where there are none yet, none is
        refused.

        Raises:
            QuestionInvalid: nobody came with such a one.
        """
        browser, system = selection.browser, selection.system
        if not (browser or system):
            return selection
        if self._agents is None:
            with attached.cursor() as cursor:
                self._agents = cursor.execute(AGENTS).fetchall()
        browsers, systems = (sorted({each[at] for each in self._agents}) for at in (0, 1))
        return replace(
            selection,
            browser=_known_as("browser", browser, browsers),
            system=_known_as("system", system, systems),
        )

    def knows_path(self, attached: Attached, selection: Selection) -> bool:
        """Whether somebody has ever looked at the path that is selected; where there is no pageview yet,
        none is unknown."""
        path = selection.path
        if path is None or self.columns.has_path(path, selection, attached.cursor):
            return True
        if path not in self._paths:
            with attached.cursor() as cursor:
                found = cursor.execute(PATH, [path]).fetchall()
                self._paths[path] = bool(found) or self.publication.measured_since is None
        return self._paths[path]

    def _known_views(self, attached: Attached) -> list[str]:
        if self._views is None:
            with attached.cursor() as cursor:
                self._views = [name for (name,) in cursor.execute(VIEWS).fetchall()]
        return self._views


def _told(panel: Panel, extra: Mapping[str, str]) -> dict[str, Any]:
    """The values of everything that a panel takes beside a selection."""
    taken = {each.name for each in panel.parameters}
    for name, text in extra.items():
        if text and name not in taken:
            offered = ", ".join([*SELECTING, *sorted(taken)])
            raise QuestionInvalid(f"{panel.name} takes no {name}: expected some of {offered}")
    return {name: names_of_views(extra.get(name, "")) for name in taken}


def _known_as(name: str, text: str | None, known: Sequence[str]) -> str | None:
    """The one that is meant, in whatever case."""
    if not (text and known):
        return text
    written = {each.lower(): each for each in known}
    if text.lower() in written:
        return written[text.lower()]
    near = [written[each] for each in get_close_matches(text.lower(), written, n=3)]
    expected = " or ".join(near) or f"one of {', '.join(known[:MOST_TOLD])}"
    raise QuestionInvalid(f"{name} is {text!r}, and nobody came with it: expected {expected}")


def _cursor(text: str) -> dict[str, Any]:
    """When the session that a cursor names began, and its id; nothing of an empty one."""
    if not text:
        return {"before_at": None, "before_id": None}
    moment, _, session = text.partition("_")
    try:
        return {"before_at": datetime.fromisoformat(moment), "before_id": str(UUID(session))}
    except ValueError:
        raise QuestionInvalid(f"before is {text!r}: expected the cursor of a session") from None


def _rows(
    cursor: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    rows, description = run(cursor, sql, values)
    names = [column[0] for column in description]
    return [dict(zip(names, row, strict=True)) for row in rows]
