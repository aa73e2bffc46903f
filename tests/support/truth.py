"""A small truth for the named queries: two weeks of a site that one can count by hand.

Each session's pageviews follow one another in one tab, a second apart. All times are UTC, and the
first day, 2025-11-24, is a Monday.

| session | visitor | begins | looks at, for so many seconds |
|---|---|---|---|
| 1 | 1 | 11-24 10:00 | A 10, B 20, tab 1 30 |
| 2 | 2 | 11-24 23:30 | A 4, and its end was not seen |
| 3 | 1 | 12-02 09:00 | B 60, A 12, tab 2 8, tab 1 2 |
| 4 | 3 | 12-03 12:00 | A 6, A again 1, B 5 |
| 5 | 9, a robot | 11-24 12:00 | A 0.5 |
| 6 | 4, with a phone | 12-04 08:00 | B 15 with a fact lost, A 0 with its last three facts lost, tab 1 3 |
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb

from dwell.warehouse.queries import bound, find
from tests.support.facts import Stored, glimpse

A = "dwell.site.pages.page_a.PageA"
B = "dwell.site.pages.page_b.PageB"
TAB_1 = "dwell.site.pages.page_c.tab_1.Tab1"
TAB_2 = "dwell.site.pages.page_c.tab_2.Tab2"

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
)
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

WHOLE, UNSEEN_END, LOST_MIDDLE, LOST_TAIL = ((0, 1), (0, -1), (0, 2), (0,))
"""The facts that arrive, by `seq`; the last one says hidden, a negative one that it is still seen."""

Look = tuple[str, float, tuple[int, ...]]

SESSIONS: tuple[tuple[int, int, str, str, tuple[Look, ...]], ...] = (
    (1, 1, FIREFOX, "2025-11-24T10:00", ((A, 10, WHOLE), (B, 20, WHOLE), (TAB_1, 30, WHOLE))),
    (2, 2, FIREFOX, "2025-11-24T23:30", ((A, 4, UNSEEN_END),)),
    (
        3,
        1,
        FIREFOX,
        "2025-12-02T09:00",
        ((B, 60, WHOLE), (A, 12, WHOLE), (TAB_2, 8, WHOLE), (TAB_1, 2, WHOLE)),
    ),
    (4, 3, FIREFOX, "2025-12-03T12:00", ((A, 6, WHOLE), (A, 1, WHOLE), (B, 5, WHOLE))),
    (5, 9, ROBOT, "2025-11-24T12:00", ((A, 0.5, WHOLE),)),
    (
        6,
        4,
        IPHONE,
        "2025-12-04T08:00",
        ((B, 15, LOST_MIDDLE), (A, 0, LOST_TAIL), (TAB_1, 3, WHOLE)),
    ),
)
"""Number, visitor, agent, beginning and looks."""

PERIOD = {"since": "2025-11-24", "until": "2025-12-08"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def told() -> list[Stored]:
    """The facts of all sessions, one session after the other."""
    return [fact for session in SESSIONS for fact in told_of(*session)]


def told_of(
    session: int, visitor: int, agent: str, begins: str, looks: tuple[Look, ...]
) -> Iterator[Stored]:
    """The facts of one session. Its pageviews have its number and their place as their number."""
    moment = round(datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp() * 1000)
    previous, previous_seq = None, None
    for place, (view, seconds, seqs) in enumerate(looks):
        pageview, milliseconds = session * 10 + place, round(seconds * 1000)
        tab = {"tab": view[-1]} if ".page_c." in view else {}
        for seq in seqs:
            seen = milliseconds if seq else 0
            yield glimpse(
                pageview,
                abs(seq),
                session=session,
                visitor=visitor,
                view=view,
                identity={"path": f"/{view.rpartition('.')[2].lower()}"} | tab,
                browser_agent=agent,
                visibility="hidden" if seq > 0 else "visible",
                engagement_ms=seen,
                received_at=moment + seen,
                previous=previous,
                previous_seq=previous_seq,
            )
        moment += milliseconds + 1000
        previous, previous_seq = pageview, 3 if seqs == LOST_TAIL else abs(seqs[-1])


def answer(
    connection: duckdb.DuckDBPyConnection, name: str, timezone: str = "UTC", **given: str
) -> list[tuple[Any, ...]]:
    """What a query says of these two weeks, or of the period that is given."""
    query = find(name)
    values = bound(query, PERIOD | given, timezone=timezone, now=NOW)
    return connection.execute(query.sql, values).fetchall()
