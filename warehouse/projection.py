"""The projection: one batch of records becomes rows, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.merging import Merging
from dwell.warehouse.reading import Forgotten, Letter, Read, Reading, Records, Unreadable, Verdict


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
        offsets_at: by partition, the offset of the first record received at a moment
            (milliseconds since 1970) or later; asked in the rare case that rows must be rebuilt.
    """

    def __init__(
        self,
        warehouse: LiveWarehouse,
        *,
        judge: Callable[[bytes], Verdict],
        describe: Callable[[str], Agent],
        offsets_at: Callable[[int], dict[int, int]],
    ) -> None:
        self._warehouse = warehouse
        self._connection = warehouse.connection
        self._reading = Reading(warehouse, judge)
        self._describe = describe
        self._offsets_at = offsets_at
        self._merging = Merging(warehouse)
        self._run("dead_letters/await")

    def read(self, batches: Sequence[Records]) -> Read:
        """Read the records into facts. Another thread may apply the ones before them meanwhile."""
        return self._reading.read(batches)

    def apply(self, read: Read) -> Applied:
        """Apply what was read in one transaction, with the offsets that follow it."""
        with self._warehouse.transaction():
            self._register("batch", read.columns)
            self._bury(read.dead)
            rebuilt_from = self._erase(read.forgotten)
            self._connection.execute(f"create or replace temp view fact as from {read.facts}")
            if self._any("warehouse.erasure"):
                self._run("erased")
                self._connection.execute("create or replace temp view fact as from kept_fact")
            renamed = self._any("fact") and self._merge()
            if read.forgotten or renamed:
                self._run("stale_agents")
            positions = {batch.partition: batch.next_offset for batch in read.batches}
            if rebuilt_from is not None:
                positions = self._back_to(rebuilt_from, self._warehouse.positions() | positions)
            self._advance(positions)
        return Applied(
            records=len(read),
            dead_letters=len(read.dead),
            positions=positions,
            rewound=rebuilt_from is not None,
        )

    def forget(self, forgotten: list[Forgotten]) -> Applied:
        """Forget visitors that the records read here say nothing of, in one transaction."""
        with self._warehouse.transaction():
            rebuilt_from = self._erase(forgotten)
            self._run("stale_agents")
            positions: dict[int, int] = {}
            if rebuilt_from is not None:
                positions = self._back_to(rebuilt_from, self._warehouse.positions())
                self._advance(positions)
        return Applied(0, 0, positions, rewound=rebuilt_from is not None)

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

    def _erase(self, forgotten: list[Forgotten]) -> int | None:
        """Forget visitors; returns from when facts must be read again, in milliseconds, if so."""
        if not forgotten:
            return None
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
        self._run("erasures")
        found = self._connection.execute(
            "select epoch_ms(started_at) from rebuilt_from where started_at is not null"
        ).fetchone()
        return max(0, found[0]) if found else None

    def _merge(self) -> bool:
        """Returns whether there may be agents now that no session has."""
        agents, renamed = self._merging.merge()
        self._insert_agents(agents)
        return renamed

    def describe_with(self, data: str) -> None:
        """Describe every agent anew if the tables were made with other user-agent data than this."""
        if self._warehouse.info("agent_data") == data:
            return
        with self._warehouse.transaction():
            known = self._connection.execute(
                "select browser_agent from warehouse.browser_agent"
            ).fetchall()
            self._connection.execute("delete from warehouse.browser_agent")
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
        self._connection.execute("insert into warehouse.browser_agent from described_agent")

    def _back_to(self, moment: int, positions: dict[int, int]) -> dict[int, int]:
        """The offsets from which everything received since `moment` is read again; a partition
        that has not come that far goes on where it is."""
        found = self._offsets_at(moment)
        return {each: min(offset, found.get(each, offset)) for each, offset in positions.items()}

    def _run(self, name: str) -> None:
        self._connection.execute(statements(name))

    def _advance(self, positions: dict[int, int]) -> None:
        self._connection.execute(
            "delete from warehouse.log_offset where partition in (select unnest(?))",
            [list(positions)],
        )
        self._connection.execute(
            "insert into warehouse.log_offset select unnest(?), unnest(?)",
            [list(positions), list(positions.values())],
        )

    def _any(self, table: str) -> bool:
        return bool(self._connection.execute(f"select 1 from {table} limit 1").fetchall())  # noqa: S608

    def _register(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)


def _moments(milliseconds: Iterable[int]) -> "pa.Array[Any]":
    return pa.array(list(milliseconds), pa.timestamp("ms")).cast(pa.timestamp("us"))
