"""Keeping rows for a while only: what is beyond the horizon goes, a piece at a time, between two batches."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from dwell.warehouse.projection import Projection
from dwell.warehouse.siblings import Sibling

logger = logging.getLogger(__name__)


class InTurn(Protocol):
    """Runs a function in the thread that touches the warehouse."""

    def __call__(self, function: Callable[[], Any]) -> Awaitable[Any]: ...


class Keeping:
    """The horizon of one projector.

    Args:
        in_turn: how the warehouse is touched.
        changed: told when rows went.
    """

    def __init__(
        self, projection: Projection, *, in_turn: InTurn, changed: Callable[[], None]
    ) -> None:
        self._projection = projection
        self._in_turn = in_turn
        self._changed = changed
        self._sessions = 0
        self._late = 0
        self._tells_of_late = True

    async def go_on(self) -> None:
        """Drop as much of what is due as one transaction takes."""
        self._tell_of_late()
        if not self._projection.horizon.is_due:
            return
        dropped = await self._in_turn(self._projection.let_go)
        self._changed()
        self._sessions += dropped.sessions
        if self._sessions and dropped.complete:
            logger.info(
                "%d sessions began before %s, longer ago than DWELL_KEEP_ROWS: their rows are gone",
                self._sessions,
                self._projection.horizon.since,
            )
            self._sessions = 0
            self._tells_of_late = True

    async def heed(self, siblings: Sequence[Sibling]) -> None:
        """Drop what other shards have dropped of what is theirs and this one's."""
        for each in siblings:
            if await self._in_turn(partial(self._projection.heed, each.horizon, each.marks)):
                self._changed()

    def _tell_of_late(self) -> None:
        """Once, until more is dropped: a page that stays open for a year says something every minute."""
        came = self._projection.horizon.late > self._late
        self._late = self._projection.horizon.late
        if came and self._tells_of_late:
            self._tells_of_late = False
            logger.info(
                "facts of sessions that began before %s came: they are left out, as DWELL_KEEP_ROWS has "
                "it; the log keeps them",
                self._projection.horizon.since,
            )
