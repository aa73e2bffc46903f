"""A fact on one line, for people who watch."""

import shutil
import sys

from rich.cells import cell_len, set_cell_size

from dwell.commands.facts.told import ERASED, Told, moment, seconds, span, tell
from dwell.commands.sql.forms import safe
from dwell.consumers.lookup import Record
from dwell.schemas.records import ReceivedGlimpse

ID_END = 8
"""Characters of an id that are shown, its last: a UUIDv7 begins with the time, alike for many."""
VIEW, NARROWEST_VIEW = 40, 16
"""Columns of a view's name, and how few they become in a narrow terminal."""
LATE_MS = 1_000
"""A fact that was sent so long after it happened is told to be late."""
_OTHERS = 91
"""Columns of everything but the view."""


class Lines:
    """Writes records as lines, as wide as there is room."""

    def __init__(self) -> None:
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _OTHERS + VIEW
        self._view = min(VIEW, max(NARROWEST_VIEW, room - _OTHERS))

    def head(self) -> str:
        """What stands above the columns."""
        return self._columns(
            "received (UTC)", "place", "visitor", "pageview", "view", "seq", "state", "seconds"
        )

    def line(self, record: Record) -> str:
        """The record. Nothing in it steers a terminal."""
        told = tell(record)
        received, place = moment(record.timestamp), record.place
        if told.glimpse is not None:
            return self._glimpse(received, place, told.glimpse)
        return f"{received.ljust(23)}  {place.ljust(13)}  {_other(told)}"

    def _glimpse(self, received: str, place: str, fact: ReceivedGlimpse) -> str:
        line = self._columns(
            received,
            place,
            fact.visitor_id[-ID_END:],
            fact.pageview_id[-ID_END:],
            _fitted(safe(fact.view), self._view),
            str(fact.seq),
            fact.visibility,
            seconds(fact.engagement_ms),
        )
        return line if fact.delay_ms < LATE_MS else f"{line}  {span(fact.delay_ms)} late"

    def _columns(
        self,
        received: str,
        place: str,
        visitor: str,
        pageview: str,
        view: str,
        seq: str,
        state: str,
        looked: str,
    ) -> str:
        return (
            f"{received.ljust(23)}  {place.ljust(13)}  {visitor.ljust(ID_END)}  "
            f"{pageview.ljust(ID_END)}  {_padded(view, self._view)}  {seq.rjust(4)}  "
            f"{state.ljust(7)}  {looked.rjust(12)}"
        )


def _other(told: Told) -> str:
    """What is no fact of a browser."""
    if told.event is not None:
        return f"{told.event.data.visitor_id[-ID_END:]}  this visitor is to be forgotten"
    if told.refusal is not None:
        return f"cannot be read, {told.refusal.reason.value}: {safe(told.refusal.detail)}"
    return ERASED


def _fitted(view: str, width: int) -> str:
    """The end of a name that is too long, which tells more than its beginning."""
    while cell_len(view) > width:
        view = f"…{view[2:]}"
    return view


def _padded(view: str, width: int) -> str:
    return set_cell_size(view, width)
