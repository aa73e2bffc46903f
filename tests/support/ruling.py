"""Sessions split by a time-out, computed without the warehouse."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.support.facts import Projected

PAGEVIEWS = "select session_id, pageview_id, started_at, last_seen_at from warehouse.{}.pageview order by all"


class Seen(NamedTuple):
    """A pageview in the session that its browser named, from when until when it was seen."""

    session: Any
    pageview: Any
    started_at: datetime
    last_seen_at: datetime


def parts_of(pageviews: Iterable[Seen], seconds: float) -> dict[Any, Any]:
    """By pageview, the session it belongs to when a gap of more than so many seconds splits one."""
    sessions = defaultdict(list)
    for each in pageviews:
        sessions[each.session].append(each)
    found = {}
    for session, seen in sessions.items():
        part, until = session, None
        for each in sorted(seen, key=lambda each: (each.started_at, each.pageview)):
            if until is not None and each.started_at - until > timedelta(seconds=seconds):
                part = each.pageview
            until = max(until or each.last_seen_at, each.last_seen_at)
            found[each.pageview] = part
    return found


def check_split(projected: Projected) -> None:
    """Make sure that the sessions shown are those that the pageviews told of come to."""
    rules = projected.warehouse.rules
    assert rules is not None
    told = [Seen(*row) for row in projected.rows(PAGEVIEWS.format("browser"))]
    shown = [Seen(*row) for row in projected.rows(PAGEVIEWS.format("main"))]
    expected = (
        parts_of(told, rules.session_timeout)
        if rules.session_timeout
        else {each.pageview: each.session for each in told}
    )
    assert {each.pageview: each.session for each in shown} == expected
    assert projected.rows(MISCOUNTED) == []


MISCOUNTED = """
    with counted as (
        select session_id, count(*) as pageviews
        from warehouse.main.pageview
        group by session_id
    )
    select session_id
    from warehouse.main.tracking_session
    full join counted using (session_id)
    where session_id not in (select session_id from warehouse.main.tracking_session group by all having count(*) > 1)
        and coalesce(tracking_session.pageviews, -1) <> coalesce(counted.pageviews, 0)
"""
"""Sessions that are not in step with their pageviews. (An id can be a session's and a pageview's that
begins a part, if a hostile client has it so; that one is left out.)"""
