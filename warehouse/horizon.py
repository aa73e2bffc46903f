"""The horizon: what began before it is not kept in the tables.

A session goes whole, with its pageviews and their visibility changes, when it began longer ago than rows
are kept. Only its beginning decides, for that is the one thing that further facts can move but one way:
what is beyond the horizon once stays beyond it, in whatever order facts are read, and a replay of the same
facts ends with the same rows.

How far the horizon is follows from the log, not from a clock: so long before the newest fact that was
read, at the beginning of a day (UTC). It never goes back.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from dwell.warehouse.live import LiveWarehouse, statements

HORIZON = "horizon"
"""Entry of `projection_info`: sessions that began before this moment, in UTC, are not kept."""
MARKS = "horizon_marks"
"""Entry of `projection_info`: as JSON, marks of sessions that are beyond the horizon and of which facts may
come that do not show it, and up to which horizon they are wanted, in milliseconds since 1970."""
LATE = "horizon_late"
"""Entry of `projection_info`: how many facts were left out because their session is beyond the horizon."""
SESSIONS_AT_ONCE = 20_000
"""Sessions that go in one transaction, about."""
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999, since 1970: where calendars end."""
GRACE = timedelta(days=1)
"""How long a session that is marked may be silent, and go on."""
_EPOCH = datetime(1970, 1, 1)
_LEAST = timedelta(microseconds=1)


class Dropped(NamedTuple):
    """What went.

    Attributes:
        sessions: how many rows of `tracking_session`.
        complete: whether nothing is left that is beyond the horizon.
    """

    sessions: int
    complete: bool


class Horizon:
    """Keeps the tables within the horizon, in the transaction that is open.

    When it moves on, facts of what is beyond it are left out at once, and rows go a piece at a time.
    Without a time to keep rows for, it stays where it is.

    Attributes:
        since: what began before is not kept; `None` if everything is.
        is_due: whether there may be rows beyond it, to be dropped.
        late: how many facts were left out since this was made.
    """

    def __init__(self, warehouse: LiveWarehouse, keep: timedelta | None) -> None:
        self._warehouse = warehouse
        self._connection = warehouse.connection
        self._keep = keep
        self._noted = self.since = _moment(warehouse.info(HORIZON))
        self._bound: datetime | None = None
        self.late = 0
        self.is_due = self._is_marked = False
        if keep or self.since:
            self._run("horizon/marks")
        if self.since:
            self._move(self.since)
            self._add(json.loads(warehouse.info(MARKS) or "{}"))
            self._bind()
        if keep:
            self._reckon(max(filter(None, self._all("horizon/newest")[0]), default=None))

    def see(self, received_at: int | None) -> None:
        """A fact was received then, in milliseconds since 1970."""
        if self._keep and received_at is not None:
            self._reckon(_at(received_at))
            self._note()

    def bury(self, received_at: int | None) -> None:
        """A dead letter was received then, in milliseconds since 1970. One that is beyond the horizon, as
        when an erasure reads again, is due to go."""
        if self.since and received_at is not None and _at(received_at) < self.since:
            self.is_due = True

    def look(self) -> bool:
        """See the facts in the view `fact`; returns whether some may be beyond the horizon."""
        if not (self._keep or self.since):
            return False
        [(oldest, newest)] = self._all("horizon/span")
        self.see(newest)
        return bool(self._bound and oldest and oldest < self._bound)

    def leave_out(self) -> None:
        """Have the view `fact` show no fact of a session that is beyond the horizon. Whatever of such a
        session is in the tables goes."""
        self._run("horizon/late")
        [(late,)] = self._all("horizon/count")
        if not late:
            return
        self._connection.execute("create or replace temp view fact as from fact_in_time")
        self._run("horizon/known")
        if self._let_go():
            self._run("stale_agents")
        self._remember()
        self.late += late
        self._warehouse.note(LATE, str(int(self._warehouse.info(LATE) or 0) + late))

    def drop(self) -> Dropped:
        """Drop what is beyond the horizon, or the oldest of it if that is much."""
        assert self.since
        self._note()
        if not self._is_marked:
            self._run("horizon/crossing")
            self._remember()
            self._is_marked = True
        until, complete = self._next(self.since)
        self._connection.execute(statements("horizon/going"), [until])
        sessions = self._let_go()
        self._run("horizon/letters")
        if complete:
            self._run("stale_agents")
        self.is_due = not complete
        return Dropped(sessions, complete)

    def heed(self, since: datetime, marks: dict[str, int]) -> bool:
        """Another shard has come so far, and marked these sessions, which may have facts here too. Returns
        whether that was news. A shard that keeps everything, and has dropped nothing, goes on so."""
        if not (self._keep or self.since):
            return False
        moved = not self.since or self.since < since
        if moved:
            self._move(since)
        self._note()
        self._add(marks)
        self._run("horizon/most_marks")
        if not self._any("changed_mark"):
            return moved
        self._run("horizon/marked")
        if self._let_go():
            self._run("stale_agents")
        self._remember()
        self._note_marks()
        return True

    def _reckon(self, newest: datetime | None) -> None:
        """Move on as far as this asks for. A fact from the future moves it no further than the clock, or
        one wrong clock would drop everything."""
        assert self._keep
        if newest is None:
            return
        wanted = min(newest, datetime.now(UTC).replace(tzinfo=None)) - self._keep
        day = wanted.replace(hour=0, minute=0, second=0, microsecond=0)
        if day > (self.since or _EPOCH):
            self._move(day)

    def _move(self, since: datetime) -> None:
        self.since = since
        self._connection.execute(
            f"create or replace temp macro horizon() as timestamp '{since.isoformat()}'"
        )
        self._bind()
        self.is_due, self._is_marked = True, False

    def _note(self) -> None:
        """Write down where it is, in the transaction in which that first matters."""
        if self.since and self.since != self._noted:
            self._warehouse.note(HORIZON, self.since.isoformat())
            self._noted = self.since

    def _next(self, since: datetime) -> tuple[datetime, bool]:
        """Up to where the next ones go, and whether these are the last."""
        found = self._connection.execute(statements("horizon/next"), [since, SESSIONS_AT_ONCE])
        [(sessions, latest)] = found.fetchall()
        if sessions < SESSIONS_AT_ONCE:
            return since, True
        return min(latest + _LEAST, since), False

    def _let_go(self) -> int:
        """Delete `going_session` and what belongs to it; returns how many sessions that were. The tables
        lie in the order of the log, so no more of them is read than was received in the same time."""
        if not (sessions := self._count("going_session")):
            return 0
        self._over("going", "going_session", "first_received_at")
        self._run("horizon/going_pageviews")
        self._over("telling", "going_pageview", "started_at")
        self._run("horizon/delete")
        if self._warehouse.rules:
            self._run("horizon/unsplit")
        return sessions

    def _over(self, name: str, rows: str, begin: str) -> None:
        """Have the SQL know in which time rows were received, as constants, by which blocks are skipped."""
        [(since, until)] = self._connection.execute(
            f"select min({begin}), max(last_received_at) from {rows}"  # noqa: S608
        ).fetchall()
        for edge, moment in (("since", since or _EPOCH), ("until", until or _EPOCH)):
            self._connection.execute(
                f"create or replace temp macro {name}_{edge}() as timestamp '{moment.isoformat()}'"
            )

    def _remember(self) -> None:
        """Mark the sessions that went and of which facts may come that began within the horizon."""
        self._run("horizon/remember")
        [(differ,)] = self._all("horizon/marks_differ")
        if differ:
            self._run("horizon/marks_changed")
            self._run("horizon/most_marks")
            self._note_marks()
        self._bind()

    def _note_marks(self) -> None:
        [(marks,)] = self._all("horizon/marks_told")
        self._warehouse.note(MARKS, marks)

    def _bind(self) -> None:
        """A fact that began later than this is of no session that is marked."""
        [(latest,)] = self._all("horizon/latest_mark")
        marked = latest and latest + GRACE
        self._bound = max(filter(None, (self.since, marked)), default=None)

    def _add(self, marks: dict[str, int]) -> None:
        table = pa.table(
            {
                "mark": pa.array([int(mark) for mark in marks], pa.uint64()),
                "until": pa.array(list(marks.values()), pa.timestamp("ms")).cast(
                    pa.timestamp("us")
                ),
            }
        )
        self._connection.register("told_mark", table)
        self._run("horizon/add_marks")
        self._connection.unregister("told_mark")

    def _run(self, name: str) -> None:
        self._connection.execute(statements(name))

    def _all(self, name: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(statements(name)).fetchall()

    def _count(self, table: str) -> int:
        [(rows,)] = self._connection.execute(f"select count(*) from {table}").fetchall()  # noqa: S608
        return int(rows)

    def _any(self, table: str) -> bool:
        return bool(self._connection.execute(f"select 1 from {table} limit 1").fetchall())  # noqa: S608


def _at(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as the tables have them."""
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), LATEST))


def _moment(text: str | None) -> datetime | None:
    """As it was noted."""
    return datetime.fromisoformat(text) if text else None
