"""A session to be drawn: its pageviews, and when each of them could be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, TypedDict

from dwell.warehouse.panels.answer import plain
from dwell.warehouse.panels.publication import Publication

State = Literal["visible", "hidden", "unknown"]

SLACK = timedelta(seconds=3.5)
"""By so much less than the time gone by may have counted while a page was visible: a page that is
busy looks at its clock late."""
LONGEST = timedelta(seconds=60) + SLACK
"""Without a word of a page that is visible; else it was stopped, or the computer slept."""


class Told(TypedDict):
    """What a fact told of a pageview."""

    seq: int
    visibility: Literal["visible", "hidden"]
    occurred_at: datetime
    engagement_time: float


@dataclass(frozen=True)
class Stretch:
    """Some time in which a page was in one state.

    Attributes:
        state: unknown, if a fact is lost that would have told, if the computer slept, or if the end
            was never told.
    """

    state: State
    since: datetime
    until: datetime


@dataclass(frozen=True)
class PageviewLine:
    """A pageview, one line of the drawing.

    Attributes:
        facts: its columns, as the warehouse has them.
        stretches: in order and without gaps, from its beginning to its latest sign of life; times in
            UTC without a zone.
    """

    facts: dict[str, Any]
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Timeline:
    """A session with its pageviews, in the order in which they began.

    Attributes:
        visits: the sessions of the same visitor that are nearest to it, itself among them, in the order
            in which they began.
    """

    session: dict[str, Any]
    pageviews: tuple[PageviewLine, ...]
    visits: tuple[dict[str, Any], ...]
    publication: Publication

    def plain(self) -> dict[str, Any]:
        """The same as JSON can have it."""
        return {
            "session": plain(self.session),
            "pageviews": [
                plain(line.facts)
                | {
                    "stretches": [
                        {"state": each.state, "from": plain(each.since), "to": plain(each.until)}
                        for each in line.stretches
                    ]
                }
                for line in self.pageviews
            ],
            "visits": [plain(each) for each in self.visits],
        }


def line_of(row: dict[str, Any]) -> PageviewLine:
    """A row of `asking/session_pageviews.sql` as a line."""
    facts = {name: value for name, value in row.items() if name not in ("facts", "cap")}
    return PageviewLine(facts, stretches_of(row["started_at"], row["facts"], row["cap"]))


def stretches_of(
    started_at: datetime, told: Sequence[Told], cap: float | None = None
) -> tuple[Stretch, ...]:
    """What the facts of a pageview, in the order of their `seq`, tell of the time until the last of
    them. Neighbours in one state are one stretch.

    Args:
        cap: seconds beyond which the rules let none count, so that they tell nothing.
    """
    if not told:
        return ()
    first = told[0]
    found = [_stretch(started_at, first["occurred_at"], first["engagement_time"], first, False)]
    for before, after in pairwise(told):
        counted = after["engagement_time"] - before["engagement_time"]
        whole = after["seq"] == before["seq"] + 1
        if cap is not None and after["engagement_time"] >= cap:
            found.append(_uncounted(before, after["occurred_at"], whole))
            continue
        found.append(_stretch(before["occurred_at"], after["occurred_at"], counted, before, whole))
    return tuple(_joined([each for each in found if each.since < each.until]))


def _stretch(
    since: datetime, until: datetime, counted: float, before: Told, whole: bool
) -> Stretch:
    """The time between two facts, of which so many seconds counted.

    `whole`: no fact between them is lost.
    """
    if counted <= 0 and (before["visibility"] == "hidden" or not whole):
        return Stretch("hidden", since, until)
    if timedelta(seconds=counted) >= until - since - SLACK and (
        before["visibility"] == "visible" or not whole
    ):
        return Stretch("visible", since, until)
    return Stretch("unknown", since, until)


def _uncounted(before: Told, until: datetime, whole: bool) -> Stretch:
    """The time between two facts of which the seconds are no longer counted."""
    since, state = before["occurred_at"], before["visibility"]
    known = whole and (state == "hidden" or until - since <= LONGEST)
    return Stretch(state if known else "unknown", since, until)


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for each in stretches:
        if joined and joined[-1].state == each.state:
            each = Stretch(each.state, joined.pop().since, each.until)
        joined.append(each)
    return joined
