"""Sessions and pageviews, and the facts that they come to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from .ids import milliseconds, uuid7_of

Stretch = tuple[datetime, datetime | None]
"""From when until when a page could be seen; without an end, it still can."""


def stretch(begin: datetime, seconds: float) -> Stretch:
    """So many seconds from a moment on, whatever clocks of its zone do meanwhile."""
    since = begin if begin.tzinfo is None else begin.astimezone(UTC)
    return begin, since + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sitting of one visitor. It begins with its first pageview and ends with its last.

    Attributes:
        id: a version 7 UUID, as of `uuid7_of`.
        visitor: who it is, in all their sessions, as of `uuid_of`.
        agent: the `User-Agent` of what they look at pages with.
    """

    id: UUID
    visitor: UUID
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pageview:
    """One look at one page.

    Attributes:
        session: whose.
        view: the dotted name of the view, as `shop.pages.Basket`.
        seen: when the page could be seen, one stretch after the other; the first one is its beginning.
        identity: what else identifies the page, as its path and title; JSON.
        referrer: the page before, without its query.
        previous: the id of the pageview before this one in the same tab.
        id: a version 7 UUID; by default made of session, view, identity and beginning, so that the same
            pageview has the same id when it is sent again.
    """

    session: Session
    view: str
    seen: Sequence[Stretch]
    identity: Mapping[str, Any] = field(default_factory=dict)
    referrer: str = ""
    previous: UUID | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse stretches that are none.

        Raises:
            ValueError: there is none, one ends before it begins, or one begins before the last ended.
        """
        if not self.seen:
            raise ValueError("seen is empty: expected the stretch with which the pageview began")
        moments = [moment for each in self.seen for moment in each]
        if None in moments[:-1]:
            raise ValueError("a stretch of seen has no end and is not the last one")
        known = [milliseconds(moment) for moment in moments if moment is not None]
        if known != sorted(known):
            raise ValueError(f"seen is {self.seen!r}: expected moments one after the other")

    @property
    def uuid(self) -> UUID:
        """Its id, given or made."""
        identity = json.dumps(dict(self.identity), sort_keys=True)
        return self.id or uuid7_of(self.seen[0][0], str(self.session.id), self.view, identity)

    def facts(self) -> Iterator[dict[str, Any]]:
        """What it comes to on the wire: it is shown, hidden, shown again, …

        A pageview that is sent again with further stretches says the same of those before.
        """
        context = self._context()
        first = milliseconds(self.seen[0][0])
        seq = engaged = 0
        for begin, end in self.seen:
            shown = milliseconds(begin)
            yield context | _moment(seq, "visible", engaged, shown, first)
            if end is None:
                return
            hidden = milliseconds(end)
            engaged += hidden - shown
            yield context | _moment(seq + 1, "hidden", engaged, hidden, first)
            seq += 2

    def _context(self) -> dict[str, Any]:
        return {
            "pageview_id": str(self.uuid),
            "session_id": str(self.session.id),
            "visitor_id": str(self.session.visitor),
            "browser_agent": self.session.agent,
            "view": self.view,
            "identity": dict(self.identity),
            "referrer": self.referrer,
            "previous_pageview_id": None if self.previous is None else str(self.previous),
        }


def _moment(seq: int, visibility: str, engaged: int, at: int, first: int) -> dict[str, Any]:
    return {
        "seq": seq,
        "visibility": visibility,
        "engagement_ms": engaged,
        "age_ms": at - first,
        "occurred_at": at,
    }
