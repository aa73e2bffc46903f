"""The projection: one batch of records becomes rows, in one transaction."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from dwell.warehouse.horizon import LATEST, Dropped, Horizon
from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.merging import Merged, Merging
from dwell.warehouse.reading import Forgotten, Letter, Read, Reading, Records, Unreadable, Verdict
from dwell.warehouse.scrubbing import SCRUB_DUE
from dwell.warehouse.splitting import Splitting

logger = logging.getLogger(__name__)


class Agent(NamedTuple):
    """What a browser agent means."""

    browser: str
    system: str
    device: str
    is_bot: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to.

    Attributes:
        records: how many were read.
        dead_letters: how many of them were set aside.
        positions: by partition, where reading goes on.
        rewound: an erasure took rows that other facts had a part in; `positions` lie further back,
            and what is read again from there builds these rows anew.
    """

    records: int
    dead_letters: int
    positions: dict[int, int]
    rewound: bool


class Projection:
    """Applies batches to a live warehouse.

    Any order and any duplication of the same records gives the same tables, apart from provenance,
    `log_offset` and `dead_letter`.

    Args:
        judge: says what a record is that the SQL does not read at first sight.
        describe: says what a browser agent means; asked once for each new one.
        starts: by partition, the offset of the oldest record that the log has.
        offsets_at: by partition, the offset of the first record received at a moment
            (milliseconds since 1970) or later. Both are asked in the rare case that rows must be
            rebuilt.
        at_once: whether millions of facts come in one step, as `Merging` has it.
        keep: how long rows are kept; `None` is for ever.

    Attributes:
        horizon: what began before it is not kept.
    """

    def __init__(
        self,
        warehouse: LiveWarehouse,
        *,
        judge: Callable[[bytes], Verdict],
        describe: Callable[[str], Agent],
        starts: Callable[[], dict[int, int]],
        offsets_at: Callable[[int], dict[int, int]],
        at_once: bool = False,
        keep: timedelta | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._connection = warehouse.connection
        self._reading = Reading(warehouse.beside(), judge)
        self._describe = describe
        self._starts = starts
        self._offsets_at = offsets_at
        self._merging = Merging(warehouse, at_once=at_once)
        self._splitting = Splitting(warehouse)
        self.horizon = Horizon(warehouse, keep)
        self._run("dead_letters/await")

    def begin(self, positions: dict[int, int]) -> None:
        """Write down from where these partitions are read, in a transaction of its own."""
        with self._warehouse.transaction():
            self._advance(positions)

    def read(self, batches: Sequence[Records]) -> Read:
        """Read the records into facts. Another thread may apply the ones before them meanwhile."""
        return self._reading.read(batches)

    def apply(self, read: Read) -> Applied:
        """Apply what was read in one transaction, with the offsets that follow it."""
        with self._warehouse.transaction():
            self._register("batch", read.columns)
            self._bury(read.dead)
            again = self._erase(read.forgotten)
            self._erase_letters(all_of_them=bool(read.forgotten), fresh=bool(read.dead))
            self.horizon.see(max((each.received_at for each in read.forgotten), default=None))
            self.horizon.bury(min((letter.timestamp for letter, _ in read.dead), default=None))
            merged = self._take(read.facts)
            if merged:
                self._splitting.merged(merged.moved)
            self._splitting.settle()
            if read.forgotten or (merged and merged.renamed):
                self._run("stale_agents")
            positions = {batch.partition: batch.next_offset for batch in read.batches}
            if again:
                positions = _back_to(again, self._warehouse.positions() | positions)
            self._advance(positions)
        return Applied(
            records=len(read),
            dead_letters=len(read.dead),
            positions=positions,
            rewound=bool(again),
        )

    def take(self, facts: str) -> None:
        """Merge facts that were read before, in a transaction of its own; no offset goes forward, and
        sessions are split by `finish` alone.

        Args:
            facts: a table or view of the connection, as `facts.sql` makes it.
        """
        with self._warehouse.transaction():
            self._take(facts)

    def foresee(self, received_at: int | None) -> None:
        """A fact that was received then, in milliseconds since 1970, will come: be as far by now, in a
        transaction of its own."""
        with self._warehouse.transaction():
            self.horizon.see(received_at)

    def let_go(self) -> Dropped:
        """Drop what is beyond the horizon, in a transaction of its own: as much as one takes."""
        with self._warehouse.transaction():
            return self.horizon.drop()

    def heed(self, since: datetime, marks: dict[str, int]) -> bool:
        """Go as far as another shard has come, in a transaction of its own; returns whether that was
        news. See `Horizon`."""
        with self._warehouse.transaction():
            return self.horizon.heed(since, marks)

    def finish(self, positions: dict[int, int]) -> None:
        """Write down up to where everything was taken, split what the rules split, and drop agents that
        no session has, and what is beyond the horizon."""
        while self.horizon.since and not self.let_go().complete:
            pass
        with self._warehouse.transaction():
            self._splitting.all()
            self._run("stale_agents")
            self._advance(positions)

    def forget(self, forgotten: list[Forgotten]) -> Applied:
        """Forget visitors that the records read here say nothing of, in one transaction."""
        with self._warehouse.transaction():
            again = self._erase(forgotten)
            self._splitting.settle()
            self._erase_letters(all_of_them=True, fresh=False)
            self._run("stale_agents")
            positions: dict[int, int] = {}
            if again:
                positions = _back_to(again, self._warehouse.positions())
                self._advance(positions)
        return Applied(0, 0, positions, rewound=bool(again))

    def _take(self, facts: str) -> Merged | None:
        """Merge the facts that no erasure covers, if there are any."""
        self._connection.execute(f"create or replace temp view fact as from {facts}")
        beyond = self.horizon.look()
        if self._any("erasure"):
            self._run("erased")
            self._connection.execute("create or replace temp view fact as from kept_fact")
        if beyond:
            self.horizon.leave_out()
        if not self._any("fact"):
            return None
        merged = self._merging.merge()
        self._insert_agents(merged.agents)
        return merged

    def _bury(self, dead: list[tuple[Letter, Unreadable]]) -> None:
        """Set the dead letters aside, and let go of older ones that were read after all."""
        awaited = self._any("awaited_letter")
        if not dead and not awaited:
            return
        self._register(
            "batch_dead_letter",
            pa.table(
                {
                    "partition": pa.array([letter.partition for letter, _ in dead], pa.int32()),
                    "offset": pa.array([letter.offset for letter, _ in dead], pa.int64()),
                    "reason": pa.array([verdict.reason for _, verdict in dead], pa.string()),
                    "detail": pa.array([verdict.detail for _, verdict in dead], pa.string()),
                    "key": pa.array([letter.key for letter, _ in dead], pa.binary()),
                    "payload": pa.array([letter.value for letter, _ in dead], pa.binary()),
                    "received_at": _moments(letter.timestamp for letter, _ in dead),
                }
            ),
        )
        if dead:
            self._run("dead_letters/bury")
        if awaited:
            self._run("dead_letters/read_after_all")
            if self._any("read_letter"):
                self._run("dead_letters/let_go")

    def _erase(self, forgotten: list[Forgotten]) -> dict[int, int]:
        """Forget visitors; returns, by partition, from where facts must be read again, if so."""
        if not forgotten:
            return {}
        self._register(
            "batch_erasure_text",
            pa.table(
                {
                    "visitor_id": pa.array([each.visitor_id for each in forgotten], pa.string()),
                    "received_at": _moments(each.received_at for each in forgotten),
                }
            ),
        )
        self._connection.execute(
            "create or replace temp view batch_erasure as "
            "select visitor_id::uuid as visitor_id, received_at from batch_erasure_text"
        )
        self._run("erasures/traces")
        self._know_starts(self._starts() if self._any("trace") else {})
        if self._any("forgotten_session") or self._any("forgotten_pageview"):
            self._ask_for_scrub()
        self._run("erasures/erase")
        self._splitting.erased()
        self._tell_what_stays()
        return self._from_where()

    def _erase_letters(self, *, all_of_them: bool, fresh: bool) -> None:
        """Erase the dead letters that name a forgotten visitor: among all, when somebody is forgotten,
        or among the `fresh` ones of this batch, which may come behind the erasure."""
        if not (all_of_them or fresh) or not self._any("erasure"):
            return
        among = "" if all_of_them else ' semi join batch_dead_letter using (partition, "offset")'
        self._connection.execute(
            f"create or replace temp view examined_letter as from dead_letter{among}"
        )
        self._run("erasures/letters")
        if self._any("forgotten_letter"):
            self._ask_for_scrub()

    def _ask_for_scrub(self) -> None:
        """Rows were erased: their bytes stay in the file until it is written anew. Noted in the same
        transaction, so that whoever is killed when, it is done."""
        self._warehouse.note(SCRUB_DUE, datetime.now(UTC).isoformat(timespec="milliseconds"))

    def _know_starts(self, starts: dict[int, int]) -> None:
        self._register(
            "log_start",
            pa.table(
                {
                    "partition": pa.array(list(starts), pa.int32()),
                    "oldest": pa.array(list(starts.values()), pa.int64()),
                }
            ),
        )

    def _tell_what_stays(self) -> None:
        [(pageviews, sessions)] = self._all(
            "select (select count(*) from gone_pageview), (select count(*) from gone_session)"
        )
        if pageviews or sessions:
            logger.warning(
                "an erasure: %d pageviews and %d sessions have other visitors too and cannot be built "
                "anew, because facts of theirs are gone from the log; they stay without the "
                "forgotten visitor's id",
                pageviews,
                sessions,
            )

    def _from_where(self) -> dict[int, int]:
        again: dict[int, int] = dict(self._all(statements("erasures/read_again")))
        for (since,) in self._all(statements("erasures/across")):
            for partition, offset in self._offsets_at(max(0, since)).items():
                again[partition] = min(offset, again.get(partition, offset))
        return again

    def describe_with(self, data: str) -> None:
        """Describe every agent anew if the tables were made with other user-agent data than this."""
        if self._warehouse.info("agent_data") == data:
            return
        with self._warehouse.transaction():
            known = self._connection.execute("select browser_agent from browser_agent").fetchall()
            self._connection.execute("delete from browser_agent")
            self._insert_agents([text for (text,) in known])
            self._warehouse.note("agent_data", data)

    def _insert_agents(self, texts: list[str]) -> None:
        if not texts:
            return
        described = [self._describe(text) for text in texts]
        self._register(
            "described_agent",
            pa.table(
                {
                    "browser_agent": pa.array(texts, pa.string()),
                    "browser": pa.array([each.browser for each in described], pa.string()),
                    "system": pa.array([each.system for each in described], pa.string()),
                    "device": pa.array([each.device for each in described], pa.string()),
                    "is_bot": pa.array([each.is_bot for each in described], pa.bool_()),
                }
            ),
        )
        self._connection.execute("insert into browser_agent from described_agent")

    def _run(self, name: str) -> None:
        self._connection.execute(statements(name))

    def _advance(self, positions: dict[int, int]) -> None:
        self._connection.execute(
            "delete from log_offset where partition in (select unnest(?))",
            [list(positions)],
        )
        self._connection.execute(
            "insert into log_offset select unnest(?), unnest(?)",
            [list(positions), list(positions.values())],
        )

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def _any(self, table: str) -> bool:
        return bool(self._connection.execute(f"select 1 from {table} limit 1").fetchall())  # noqa: S608

    def _register(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)


def _back_to(again: dict[int, int], positions: dict[int, int]) -> dict[int, int]:
    """Where reading goes on; a partition that has not come as far as `again` stays where it is."""
    return {each: min(offset, again.get(each, offset)) for each, offset in positions.items()}


def _moments(milliseconds: Iterable[int]) -> "pa.Array[Any]":
    """As timestamps. A foreign record may claim any time at all; one that no client's calendar has
    becomes the nearest within LATEST."""
    known = [min(max(each, 0), LATEST) for each in milliseconds]
    return pa.array(known, pa.timestamp("ms")).cast(pa.timestamp("us"))
