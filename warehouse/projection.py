"""The projection: one batch of records becomes rows, in one transaction."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.merging import Merging


class Records(Protocol):
    """Consecutive records of one partition, by column, as a log's reader gives them."""

    @property
    def partition(self) -> int: ...
    @property
    def offsets(self) -> Sequence[int]: ...
    @property
    def timestamps(self) -> Sequence[int]: ...
    @property
    def keys(self) -> Sequence[bytes]: ...
    @property
    def values(self) -> Sequence[bytes]: ...
    @property
    def next_offset(self) -> int: ...


class Readable(NamedTuple):
    """The judge's verdict: a fact after all, here in its canonical form."""

    value: bytes


class Forgotten(NamedTuple):
    """The judge's verdict: a visitor is to be forgotten, up to a moment in milliseconds since 1970."""

    visitor_id: str
    received_at: int


class Unreadable(NamedTuple):
    """The judge's verdict: a dead letter, for one reason of a closed set."""

    reason: str
    detail: str


Verdict = Readable | Forgotten | Unreadable


class Agent(NamedTuple):
    """What a browser agent means."""

    browser: str
    system: str
    device: str
    is_bot: bool


class _Letter(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


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
        self._judge = judge
        self._describe = describe
        self._offsets_at = offsets_at
        self._merging = Merging(warehouse)
        self._run("dead_letters/await")

    def apply(self, batches: Sequence[Records]) -> Applied:
        """Apply the records in one transaction, with the offsets that follow them."""
        with self._warehouse.transaction():
            forgotten, dead = self._read(batches)
            rebuilt_from = self._erase(forgotten)
            if self._any("warehouse.erasure"):
                self._run("erased")
            renamed = self._any("fact") and self._merge()
            if forgotten or renamed:
                self._run("stale_agents")
            positions = {batch.partition: batch.next_offset for batch in batches}
            if rebuilt_from is not None:
                positions = self._back_to(rebuilt_from, self._warehouse.positions() | positions)
            self._advance(positions)
        return Applied(
            records=sum(len(batch.offsets) for batch in batches),
            dead_letters=dead,
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

    def _read(self, batches: Sequence[Records]) -> tuple[list[Forgotten], int]:
        """Fill `fact` and set dead letters aside; returns the erasures and how many died."""
        columns = _columns(batches)
        self._register("batch", columns)
        [(read,)] = self._connection.execute(statements("facts")).fetchall()
        if read == len(columns):
            self._bury([])
            return [], 0
        suspects = list(self._pick(batches, self._unread("batch")))
        readable: list[_Letter] = []
        forgotten: list[Forgotten] = []
        dead: list[tuple[_Letter, Unreadable]] = []
        for letter in suspects:
            match self._judge(letter.value):
                case Readable(value):
                    readable.append(letter._replace(value=value))
                case Forgotten() as erasure:
                    forgotten.append(erasure)
                case Unreadable() as verdict:
                    dead.append((letter, verdict))
        dead += self._read_judged(readable)
        self._bury(dead)
        return forgotten, len(dead)

    def _unread(self, records: str) -> list[tuple[int, int]]:
        return self._connection.execute(
            f'select partition, "offset" from {records} anti join fact using (partition, "offset")'  # noqa: S608
        ).fetchall()

    def _read_judged(self, letters: list[_Letter]) -> list[tuple[_Letter, Unreadable]]:
        """Read what the judge wrote anew; returns what even so has no place in a table."""
        if not letters:
            return []
        self._register("judged", _table(letters, judged=True))
        self._connection.execute("insert into fact from facts_of('judged')")
        left = set(self._unread("judged"))
        verdict = Unreadable("invalid_field", "a value has no place in the tables")
        return [(letter, verdict) for letter in letters if letter[:2] in left]

    def _pick(self, batches: Sequence[Records], where: list[tuple[int, int]]) -> Iterable[_Letter]:
        wanted = set(where)
        for batch in batches:
            rows = zip(batch.offsets, batch.timestamps, batch.keys, batch.values, strict=True)
            for offset, timestamp, key, value in rows if wanted else ():
                if (batch.partition, offset) in wanted:
                    yield _Letter(batch.partition, offset, timestamp, key, value)

    def _bury(self, dead: list[tuple[_Letter, Unreadable]]) -> None:
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


def _columns(batches: Sequence[Records]) -> pa.Table:
    """The records as an Arrow table; what is not UTF-8 has a null there."""
    return pa.concat_tables(
        pa.table(
            {
                "partition": pa.repeat(pa.scalar(batch.partition, pa.int32()), len(batch.offsets)),
                "offset": pa.array(batch.offsets, pa.int64()),
                "judged": pa.repeat(False, len(batch.offsets)),
                "value": _texts(batch.values),
            }
        )
        for batch in batches
    )


def _table(letters: list[_Letter], *, judged: bool) -> pa.Table:
    return pa.table(
        {
            "partition": pa.array([letter.partition for letter in letters], pa.int32()),
            "offset": pa.array([letter.offset for letter in letters], pa.int64()),
            "judged": pa.array([judged] * len(letters), pa.bool_()),
            "value": _texts([letter.value for letter in letters]),
        }
    )


def _texts(values: Sequence[bytes]) -> "pa.Array[Any]":
    """As strings. `pa.array(values)` would grow its memory step by step and give it back each time,
    and the kernel clears every page anew; one join costs half as much."""
    ends = array("i", accumulate(map(len, values), initial=0))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
    try:
        return pa.Array.from_buffers(pa.binary(), len(values), buffers).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(value) for value in values], pa.string())


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _moments(milliseconds: Iterable[int]) -> "pa.Array[Any]":
    return pa.array(list(milliseconds), pa.timestamp("ms")).cast(pa.timestamp("us"))
