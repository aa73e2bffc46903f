"""The panel of retention, which asks of sessions alone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from dwell.warehouse.panels.columns.counting import Array, counted, once, percent
from dwell.warehouse.panels.columns.looked import Chosen, Rows
from dwell.warehouse.panels.columns.period import milliseconds
from dwell.warehouse.panels.selection import Selection

WEEK = timedelta(weeks=1)


def retention(chosen: Chosen) -> Rows:
    """See `retention_by_week.sql`."""
    mondays = _mondays(chosen.selection)
    visitor, week = _came(chosen, [milliseconds(_utc(each, chosen.selection)) for each in mondays])
    first = np.flatnonzero(np.diff(visitor, prepend=-1))
    new_in = np.repeat(week[first], np.diff(first, append=len(visitor)))
    many = len(mondays)
    returned = counted(new_in * many + week, many * many).reshape(many, many).tolist()
    return [
        (monday.date(), row[new], later - new, row[later], percent(row[later], row[new]))
        for new, (monday, row) in enumerate(zip(mondays, returned, strict=True))
        if row[new]
        for later in range(new, many)
    ]


def _came(chosen: Chosen, begins: list[int]) -> tuple[Array, Array]:
    """Of visitors who were not there before these weeks, in which of them each was: every pair once, by
    visitors and by weeks."""
    sessions = chosen.known.sessions
    came = chosen.agents[sessions.agent]
    came &= (sessions.started >= begins[0]) & (sessions.started < chosen.period.now.until)
    came &= sessions.first_at[sessions.visitor] >= begins[0]
    week = np.searchsorted(np.array(begins), sessions.started[came], "right") - 1
    pairs = sessions.visitor[came].astype(np.int64) * len(begins) + week
    pairs = once(pairs, chosen.known.visitors * len(begins))
    return pairs // len(begins), pairs % len(begins)


def since_monday(selection: Selection) -> datetime:
    """When the week began in which its period begins, in UTC without a zone."""
    return _utc(_mondays(selection)[0], selection)


def _mondays(selection: Selection) -> list[datetime]:
    """Of the weeks that its period has a part of, by the clocks of its zone."""
    first, last = (
        _monday(moment.replace(tzinfo=UTC).astimezone(ZoneInfo(selection.timezone)))
        for moment in (selection.since, selection.until - timedelta(microseconds=1))
    )
    return [first + number * WEEK for number in range((last - first) // WEEK + 1)]


def _monday(local: datetime) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return day - timedelta(days=day.weekday())


def _utc(local: datetime, selection: Selection) -> datetime:
    zoned = local.replace(tzinfo=ZoneInfo(selection.timezone))
    return zoned.astimezone(UTC).replace(tzinfo=None)
