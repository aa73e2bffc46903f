"""The board: every panel of any selection, of the newest publication, for a process that lives long."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from dwell.errors import QuestionInvalid
from dwell.warehouse.panels.answer import Answer, in_utc
from dwell.warehouse.panels.panel import Panel, find
from dwell.warehouse.panels.publication import Publication, publication_of
from dwell.warehouse.panels.selection import SELECTING, Selection
from dwell.warehouse.panels.selections import Selections, run
from dwell.warehouse.published import Attached, Published
from dwell.warehouse.queries import VIEWS, names_of_views, view_named

MEMORY = 512
"""MiB that DuckDB may take; what does not fit goes to a temporary folder."""
SHARE = 0.4
"""Of it, for selections that are kept for whoever asks next."""


class Board:
    """For many threads; each answer is of the publication that is the newest when it is asked for.

    Args:
        memory: MiB.
        threads: how many work on a statement; by default as many as there are processors.
        clock: what time it is, with a zone.

    Every method raises `WarehouseError` if nothing is published yet, or the file cannot be read.
    """

    def __init__(
        self,
        published: Path,
        *,
        memory: int = MEMORY,
        threads: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        limits: dict[str, str | int] = {"memory_limit": f"{memory}MiB"}
        if threads is not None:
            limits["threads"] = threads
        self._now = lambda: clock().astimezone(UTC).replace(tzinfo=None)
        self._published = Published(published, limits)
        self._most_bytes = round(memory * 2**20 * SHARE)
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[Attached, _Kept] = WeakKeyDictionary()

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
        told = _told(wanted, extra)
        with self._published.newest() as attached:
            kept = self._kept_of(attached)
            selection, told = kept.with_whole_views(attached, selection, told)
            values = selection.values() | told | {"now": self._now()}
            with kept.selections.use(attached, selection, wanted.sql) as cursor:
                table = run(cursor, wanted.sql, values).to_arrow_table()
            return Answer(wanted.columns, in_utc(table), kept.publication)

    def publication(self) -> Publication:
        """The newest one."""
        with self._published.newest() as attached:
            return self._kept_of(attached).publication

    def close(self) -> None:
        """Let go of the file, and of everything in memory."""
        self._published.close()

    def _kept_of(self, attached: Attached) -> "_Kept":
        with self._lock:
            kept = self._kept.get(attached)
            if kept is None:
                kept = self._kept[attached] = _Kept(attached, self._most_bytes)
            return kept


class _Kept:
    """What is known of one publication, and made of it."""

    def __init__(self, attached: Attached, most_bytes: int) -> None:
        self.selections = Selections(most_bytes)
        self._views: list[str] | None = None
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
