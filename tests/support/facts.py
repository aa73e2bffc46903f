"""Facts with few words, and what projecting them gives."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import duckdb

from dwell.consumers.agents import describe
from dwell.consumers.judge import judge
from dwell.events.log import Batch
from dwell.rules import Rules
from dwell.schemas.facts import PageViewed, VisibilityChanged, VisitorForgotten
from dwell.schemas.records import record_of_forgotten, record_of_glimpse
from dwell.warehouse.horizon import Horizon
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Applied, Projection
from dwell.warehouse.reading import Forgotten, Unreadable, Verdict

NOW = 1_764_000_000_000
"""A moment in milliseconds since 1970, in November 2025."""

PROVENANCE = {"partition", "first_offset", "last_partition", "last_offset"}
LAWFUL = (
    "tracking_session",
    "pageview",
    "visibility_change",
    "browser_agent",
    "erasure",
    "pageview_ledger",
    "session_with_agent",
    "pageview_with_session",
)
"""The tables and views that depend on nothing but the set of facts."""


def table(name: str) -> str:
    """The query for all rows of a table, sorted, without provenance."""
    kept = " and ".join(f"name <> '{column}'" for column in sorted(PROVENANCE))
    return f"select columns(lambda name: {kept}) from {name} order by all"


def uuid7(number: int, at: int = NOW) -> str:
    """A UUIDv7 minted at `at` (milliseconds since 1970), told apart by a number."""
    stamp = f"{at:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-{number:012x}"


@dataclass(frozen=True)
class Stored:
    """A record as a log holds it."""

    value: bytes
    timestamp: int
    key: bytes = b""


def glimpse(
    pageview: int = 1,
    seq: int = 0,
    *,
    session: int = 1,
    visitor: int = 1,
    engagement_ms: int = 0,
    age_ms: int | None = None,
    delay_ms: int = 0,
    received_at: int = NOW,
    visibility: str = "visible",
    view: str = "dwell.site.pages.page_a.PageA",
    identity: dict[str, Any] | None = None,
    browser_agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    previous: int | None = None,
    previous_seq: int | None = None,
    referrer: str = "",
    begun: int = NOW,
    session_begun: int = NOW,
) -> Stored:
    """A fact of a pageview as the collector stores it; numbers name pageview, session and visitor.

    `begun` and `session_begun` are when the browser's clock said that these began: what their ids say.
    """
    fields = {
        "pageview_id": uuid7(pageview, begun),
        "seq": seq,
        "session_id": uuid7(session, session_begun),
        "view": view,
        "identity": {"path": "/page_a"} if identity is None else identity,
        "previous_pageview_id": None if previous is None else uuid7(previous),
        "previous_seq": previous_seq,
        "referrer": referrer,
        "visibility": visibility,
        "engagement_ms": engagement_ms,
        "age_ms": engagement_ms if age_ms is None else age_ms,
        "delay_ms": delay_ms,
    }
    fact: PageViewed | VisibilityChanged = (
        PageViewed.model_validate(fields | {"type": "page.viewed"})
        if seq == 0
        else VisibilityChanged.model_validate(fields | {"type": "page.visibility_changed"})
    )
    value = record_of_glimpse(
        fact, visitor_id=uuid7(visitor), browser_agent=browser_agent, received_at=received_at
    )
    return Stored(value, received_at, uuid7(visitor).encode())


def forgotten(visitor: int, received_at: int) -> Stored:
    """The erasure of a visitor."""
    fact = VisitorForgotten(visitor_id=uuid7(visitor), received_at=received_at)
    return Stored(record_of_forgotten(fact, id_=uuid7(visitor, received_at)), received_at)


def curt(**fields: Any) -> Stored:
    """A fact that leaves out what is empty, which only the judge can read; fields as in `glimpse`."""
    whole = glimpse(**fields)
    return Stored(whole.value.replace(b'"referrer":"",', b""), whole.timestamp, whole.key)


def narrow_judge(value: bytes) -> Verdict:
    """An older version's judge, who can read none of what the SQL does not read."""
    return Unreadable("unknown_version", "expected what an older version knew")


@cache
def _empty(rules: Rules | None) -> bytes:
    """The file of a warehouse that has read nothing: copied in half the time that making one takes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        LiveWarehouse(path, rules=rules).close()
        return path.read_bytes()


class Projected:
    """A live warehouse that a list of records is projected into, as the projector does it."""

    def __init__(
        self,
        path: Path,
        judge: Callable[[bytes], Verdict] = judge,
        rules: Rules | None = None,
        keep: timedelta | None = None,
    ) -> None:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_empty(rules))
        self.warehouse = LiveWarehouse(path, rules=rules)
        self._log: list[Stored] = []
        self._projection = Projection(
            self.warehouse,
            judge=judge,
            describe=partial(describe, rules=self.warehouse.rules),
            starts=lambda: {0: 0},
            offsets_at=self._offsets_at,
            keep=keep,
        )
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.warehouse.close()

    def append(self, records: Iterable[Stored]) -> Self:
        """Add records to the end of the log."""
        self._log += records
        return self

    def project(self, batch: int = 1000) -> Self:
        """Project to the end of the log, so many records a transaction, and drop what is not kept."""
        while self.position < len(self._log):
            self.position = self._project(self._batch(self.position, batch)).positions[0]
            self.let_go()
        return self

    def let_go(self) -> Self:
        """Drop all that is beyond the horizon."""
        while self._projection.horizon.is_due:
            self._projection.let_go()
        return self

    def heed(self, since: datetime, marks: dict[str, int]) -> None:
        """Keep no more than another shard."""
        self._projection.heed(since, marks)
        self.let_go()

    @property
    def horizon(self) -> Horizon:
        """What began before it is not kept."""
        return self._projection.horizon

    def forget(self, forgotten: list[Forgotten]) -> None:
        """Forget visitors that this log says nothing of."""
        applied = self._projection.forget(forgotten)
        self.position = applied.positions.get(0, self.position)

    def apply(self, batch: Batch) -> None:
        """Project a batch of another log."""
        self._project(batch)

    def _project(self, batch: Batch) -> Applied:
        return self._projection.apply(self._projection.read([batch]))

    def _batch(self, begin: int, most: int) -> Batch:
        records = self._log[begin : begin + most]
        return Batch(
            partition=0,
            offsets=list(range(begin, begin + len(records))),
            timestamps=[each.timestamp for each in records],
            keys=[each.key for each in records],
            values=[each.value for each in records],
        )

    def _offsets_at(self, timestamp: int) -> dict[int, int]:
        later = (n for n, each in enumerate(self._log) if each.timestamp >= timestamp)
        return {0: next(later, len(self._log))}

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query of the live tables returns."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB, with the tables in `warehouse`."""
        return self.warehouse.connection

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every lawful table, sorted, without provenance."""
        return {name: self.rows(table(f"warehouse.main.{name}")) for name in LAWFUL}
