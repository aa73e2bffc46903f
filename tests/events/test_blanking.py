import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dwell.errors import LogUnavailable
from dwell.events import blanking
from dwell.events.embedded import EmbeddedReader, EmbeddedWriter
from dwell.events.log import Batch, NewRecord
from dwell.events.log_file import open_to_append
from dwell.schemas.records import read_record
from tests.support.facts import NOW, Stored, forgotten, glimpse, uuid7

FORGOTTEN = uuid7(1).encode()
ERASURES = {uuid7(1): NOW + 50}
LARGE: dict[str, Any] = {
    "referrer": "/" + "r" * 2000,
    "identity": {"path": "/" + "p" * 2000},
    "browser_agent": "a" * 512,
}
RECORDS = [
    glimpse(1, visitor=1),  # 0
    glimpse(2, visitor=2, session=2),
    glimpse(3, visitor=1, received_at=NOW + 50, **LARGE),  # 2: several pages long
    glimpse(4, visitor=1, received_at=NOW + 51),
    Stored(b'{"odd": "' + FORGOTTEN.upper() + b'"}', NOW),  # 4
    Stored(b'{"odd": "' + FORGOTTEN + b'"}', NOW + 51),
    Stored(b"odd", NOW, FORGOTTEN),  # 6
    glimpse(7, visitor=2, session=1),
    forgotten(1, NOW + 50),
    Stored(b"\0x", NOW),
    Stored(b"", NOW),
]
COVERED = [0, 2, 4, 6]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of these records."""
    path = tmp_path / "log.sqlite"
    append(path, RECORDS)
    return path


def append(path: Path, records: Sequence[Stored]) -> None:
    async def put() -> None:
        writer = EmbeddedWriter(path, waiting_bytes=2**20, durable_within=10)
        await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
        await writer.close()

    asyncio.run(put())


def read(path: Path) -> Batch:
    """All that a reader finds."""

    async def find() -> Batch:
        reader = EmbeddedReader(path)
        await reader.assign({0: 0})
        [batch] = await reader.read(1000, 1)
        await reader.close()
        return batch

    return asyncio.run(find())


def remains(path: Path, needle: bytes) -> dict[str, int]:
    """How often something stands in the bytes of each file of the log."""
    found = {each.name: each.read_bytes().count(needle) for each in path.parent.iterdir()}
    return {name: count for name, count in found.items() if count}


def test_what_an_erasure_covers_is_read_as_empty_and_the_rest_as_it_was(path: Path) -> None:
    before = read(path)
    assert blanking.blank(path, ERASURES) == blanking.Blanked(len(COVERED), len(RECORDS))
    after = read(path)
    assert after.offsets == before.offsets
    assert after.timestamps == before.timestamps
    for offset, value in enumerate(after.values):
        assert value == (b"" if offset in COVERED else before.values[offset])


def test_nothing_of_it_stays_in_the_bytes_of_any_file(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as reader:  # who keeps the write-ahead log there
        reader.execute("select count(*) from log").fetchone()
        assert remains(path, uuid7(1).encode())
        large = b"r" * 500
        assert remains(path, large)
        blanking.blank(path, {uuid7(1): NOW + 100})
        assert remains(path, large) == {}
        for pageview in (1, 3, 4):
            assert remains(path, uuid7(pageview).encode() + b":0") == {}
    stay = (RECORDS[7], RECORDS[8])
    written = sum((each.key + each.value).count(FORGOTTEN) for each in stay)
    assert remains(path, FORGOTTEN) == {path.name: written}
    assert remains(path, FORGOTTEN.upper()) == {}


def test_again_finds_nothing_more_and_changes_no_byte(path: Path) -> None:
    blanking.blank(path, ERASURES)
    before = path.read_bytes()
    assert blanking.blank(path, ERASURES).records == 0
    assert path.read_bytes() == before


def test_only_what_came_since_is_looked_through_if_so_wished(path: Path) -> None:
    assert blanking.blank(path, ERASURES, since=5).records == 1
    append(path, [glimpse(9, visitor=1)])
    assert blanking.blank(path, ERASURES, since=len(RECORDS)).records == 1


def test_it_says_beforehand_how_many_there_are(path: Path) -> None:
    before = path.read_bytes()
    assert blanking.covered(path, ERASURES) == len(COVERED)
    assert path.read_bytes() == before


def test_an_id_without_hyphens_is_one_too(tmp_path: Path) -> None:
    bare = FORGOTTEN.replace(b"-", b"")
    records = [Stored(b'{"odd": "' + each + b'"}', NOW) for each in (bare, bare.upper(), b"0" * 32)]
    append(path := tmp_path / "log.sqlite", records)
    assert blanking.blank(path, ERASURES).records == 2
    assert [bool(value) for value in read(path).values] == [False, False, True]


def test_a_record_that_names_two_visitors_is_one(path: Path) -> None:
    both = {uuid7(1): NOW + 100, uuid7(2): NOW + 100}
    assert blanking.covered(path, both) == blanking.blank(path, both).records


def test_free_pages_are_overwritten_too(path: Path) -> None:
    append(path, [glimpse(n, visitor=3) for n in range(100, 200)])
    with contextlib.closing(open_to_append(path, 1)) as connection:
        connection.execute('delete from record where "offset" > 10')
        connection.execute("pragma wal_checkpoint(truncate)")
    lost = uuid7(3).encode()
    assert remains(path, lost)
    blanking.blank(path, ERASURES)
    # What is left stands in the one page that is still in use; `dwell forget --proof` tells of it.
    assert path.read_bytes().count(lost) < 20


def test_no_record_moves_so_that_no_copy_of_one_is_left_behind(path: Path) -> None:
    append(path, [glimpse(n, visitor=n % 7 + 10) for n in range(100, 1100)])
    for visitor in range(10, 17):
        blanking.blank(path, {uuid7(visitor): NOW + 100})
        assert remains(path, uuid7(visitor).encode()) == {}


def test_appends_go_on_meanwhile_and_nothing_of_them_is_lost(path: Path) -> None:
    append(path, [glimpse(n, visitor=1 + n % 2) for n in range(100, 4100)])
    going = threading.Event()

    async def put() -> int:
        writer = EmbeddedWriter(path, waiting_bytes=2**20, durable_within=10)
        number = 0
        while not going.is_set():
            fact = glimpse(10_000 + number, visitor=2)
            await writer.append([NewRecord(fact.key, fact.value, fact.timestamp)])
            number += 1
        await writer.close()
        return number

    counts: list[int] = []
    appending = threading.Thread(target=lambda: counts.append(asyncio.run(put())))
    appending.start()
    try:
        blanked = blanking.blank(path, ERASURES)
    finally:
        going.set()
        appending.join()
    assert blanked.records == len(COVERED) + 2000
    values = all_values(path)
    assert len(values) == len(RECORDS) + 4000 + counts[0]
    assert counts[0] > 0
    new = [json.loads(value)["subject"] for value in values[len(RECORDS) + 4000 :]]
    assert new == [uuid7(10_000 + number) for number in range(counts[0])]
    visitors = [read_record(value).data.visitor_id for value in values[len(RECORDS) :] if value]
    assert set(visitors) == {uuid7(2)}


def all_values(path: Path) -> list[bytes]:
    async def find() -> list[bytes]:
        reader = EmbeddedReader(path)
        await reader.assign({0: 0})
        values: list[bytes] = []
        while batches := await reader.read(20_000, 0):
            values += batches[0].values
        await reader.close()
        return values

    return asyncio.run(find())


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable, match="there is no log"):
        blanking.blank(tmp_path / "log.sqlite", ERASURES)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stays_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blanking, "WAIT_SECONDS", 0.2)
    with snapshot(path), pytest.raises(LogUnavailable, match="held by another process"):
        blanking.blank(path, ERASURES)


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("begin")
        connection.execute("select count(*) from record").fetchone()
        append(path, [glimpse(99, visitor=2)])
        yield
