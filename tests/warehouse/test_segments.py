"""Records in Parquet, in columns, and written again from them byte by byte."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwell.consumers.judge import judge
from dwell.errors import WarehouseError
from dwell.events.log import Batch
from dwell.warehouse.horizon import LATEST
from dwell.warehouse.segments import SegmentWriter, macros
from tests.support.facts import NOW, Stored, curt, forgotten, glimpse

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
values = st.one_of(
    texts, st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9), st.booleans(), st.none()
)

FILES = itertools.count()
Written = Callable[[list[Stored], Path], list[Stored]]


def batch_of(records: list[Stored]) -> Batch:
    return Batch(
        0,
        list(range(len(records))),
        [each.timestamp for each in records],
        [each.key for each in records],
        [each.value for each in records],
    )


@pytest.fixture(scope="module")
def written() -> Iterator[Written]:
    """Writes records to a segment, and gives them as they come out of it."""
    writer = SegmentWriter(judge, "whole")
    with duckdb.connect() as connection:
        connection.execute(macros())

        def write(records: list[Stored], path: Path) -> list[Stored]:
            writer.write([batch_of(records)], path)
            rows = connection.execute(
                "select value, received, key from whole_records(?)", [str(path)]
            ).fetchall()
            return [Stored(*row) for row in rows]

        yield write
    writer.close()


def write_stated(records: list[Stored], path: Path) -> None:
    """Write them for a replay, by a writer that has met nothing yet."""
    writer = SegmentWriter(judge, "stated")
    writer.write([batch_of(records)], path)
    writer.close()


def rows(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute("from read_parquet(?)", [str(path)]).fetchall()


def kept_whole(path: Path) -> int:
    """How many records have their bytes in the segment."""
    with duckdb.connect() as connection:
        [(count,)] = connection.execute(
            "select count(value) from read_parquet(?)", [str(path)]
        ).fetchall()
    return int(count)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    view=texts.filter(bool),
    referrer=texts,
    agent=texts,
    identity=st.dictionaries(texts, values, max_size=4),
    delay=st.integers(0, 10**9),
    previous=st.sampled_from([None, 3]),
)
def test_a_fact_comes_back_byte_by_byte_whatever_its_texts_are(
    tmp_path: Path,
    written: Written,
    view: str,
    referrer: str,
    agent: str,
    identity: dict[str, object],
    delay: int,
    previous: int | None,
) -> None:
    record = glimpse(
        seq=1,
        view=view,
        referrer=referrer,
        browser_agent=agent,
        identity=identity,
        delay_ms=delay,
        previous=previous,
        previous_seq=previous,
    )
    assert written([record], tmp_path / f"{next(FILES)}.parquet") == [record]


def test_of_a_fact_that_its_columns_say_the_bytes_are_left_out(
    tmp_path: Path, written: Written
) -> None:
    written([glimpse(), glimpse(seq=1, identity={"path": "/ü", "tab": 1})], tmp_path / "0.parquet")
    assert kept_whole(tmp_path / "0.parquet") == 0


@pytest.mark.parametrize(
    "record",
    [
        Stored(b"\xff\x00", NOW, b"k"),
        Stored(b"no json", -1, b""),
        forgotten(1, NOW),
        curt(),
        Stored(glimpse().value.replace(b":", b": ", 1), NOW, glimpse().key),
        Stored(glimpse().value, NOW + 1, glimpse().key),
        Stored(glimpse().value, NOW, b"another key"),
    ],
    ids=["not UTF-8", "not JSON", "an erasure", "curt", "spaced", "another time", "another key"],
)
def test_what_the_columns_do_not_say_is_kept_whole(
    record: Stored, tmp_path: Path, written: Written
) -> None:
    assert written([record, glimpse(2)], tmp_path / "0.parquet") == [record, glimpse(2)]
    assert kept_whole(tmp_path / "0.parquet") == 1


def test_a_foreign_record_may_claim_any_time(tmp_path: Path, written: Written) -> None:
    far = 1_800_000_000_000_000_000
    absurd = [Stored(b"{}", moment, b"k") for moment in (far, -1, -far)]
    records = [glimpse(1), *absurd, glimpse(2)]
    found = written(records, tmp_path / "whole.parquet")
    assert [each.timestamp for each in found] == [NOW, LATEST, -1, -LATEST, NOW]
    assert [each.value for each in found] == [each.value for each in records]
    write_stated(records, tmp_path / "stated.parquet")
    assert len(rows(tmp_path / "stated.parquet")) == 5


def test_a_record_whose_payload_was_erased_leaves_nothing(tmp_path: Path, written: Written) -> None:
    assert written([Stored(b"", NOW), glimpse()], tmp_path / "0.parquet") == [glimpse()]


def test_records_are_in_the_order_of_the_log_and_none_may_be_there(
    tmp_path: Path, written: Written
) -> None:
    several = [glimpse(1), curt(pageview=2), glimpse(3), Stored(b"x", NOW), glimpse(4)]
    assert written(several, tmp_path / "0.parquet") == several
    assert written([], tmp_path / "1.parquet") == []


def test_for_a_replay_the_bytes_of_what_was_read_are_left_out(tmp_path: Path) -> None:
    write_stated([curt(), Stored(b"x", NOW), forgotten(1, NOW)], tmp_path / "0.parquet")
    assert kept_whole(tmp_path / "0.parquet") == 2


def test_facts_are_written_alike_whether_a_misfit_came_before_or_not(tmp_path: Path) -> None:
    facts = [glimpse(1, identity={"path": "/ü"}), glimpse(1, seq=1), glimpse(2, referrer='"')]
    writer = SegmentWriter(judge, "stated")
    for name, several in {
        "at sight": facts,
        "a misfit": [*facts, Stored(b"x", NOW)],
        "behind it": facts,
        "at sight again": facts,
    }.items():
        writer.write([batch_of(several)], tmp_path / name)
    writer.close()
    first = rows(tmp_path / "at sight")
    assert len(first) == 3
    assert rows(tmp_path / "a misfit")[:3] == first
    assert rows(tmp_path / "behind it") == rows(tmp_path / "at sight again") == first


def test_a_fact_out_of_bounds_among_others_is_kept_for_the_judge(tmp_path: Path) -> None:
    """The strict reader takes it, and the bounds do not: an error tells nothing of it."""
    value = glimpse(2).value.replace(b'"engagement_ms":0', b'"engagement_ms":-1')
    assert value != glimpse(2).value
    several = [glimpse(1), Stored(value, NOW, glimpse(2).key), glimpse(3)]
    write_stated(several, tmp_path / "0.parquet")
    assert len(rows(tmp_path / "0.parquet")) == 3
    assert kept_whole(tmp_path / "0.parquet") == 1


def test_a_segment_that_cannot_be_written_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    writer = SegmentWriter(judge, "stated")
    with pytest.raises(WarehouseError, match="taken could not be written"):
        writer.write([batch_of([glimpse()])], tmp_path / "taken")
    writer.close()
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
