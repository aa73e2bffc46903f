"""A warehouse that is filled at once is the one that was projected batch by batch."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwell.consumers.agents import describe
from dwell.consumers.judge import judge
from dwell.events.log import Batch
from dwell.warehouse import rebuilding
from dwell.warehouse.reading import Verdict
from dwell.warehouse.rebuilding import Rebuilding, Segment
from dwell.warehouse.segments import SegmentWriter
from tests.support.facts import (
    LAWFUL,
    NOW,
    PROVENANCE,
    Projected,
    Stored,
    curt,
    forgotten,
    glimpse,
    narrow_judge,
)
from tests.warehouse.test_law import any_records, few, many

FOLDERS = itertools.count()


def rebuilt(
    records: list[Stored],
    folder: Path,
    *,
    kind: str = "stated",
    size: int = 4,
    written_by: Callable[[bytes], Verdict] = judge,
) -> dict[str, list[tuple[Any, ...]]]:
    """The tables that are made of the records, from segments of so many."""
    writer = SegmentWriter(written_by, kind)  # type: ignore[arg-type]
    segments = []
    for first in range(0, len(records), size):
        several = records[first : first + size]
        path = folder / f"{first}.parquet"
        writer.write(
            [
                Batch(
                    0,
                    list(range(first, first + len(several))),
                    [each.timestamp for each in several],
                    [each.key for each in several],
                    [each.value for each in several],
                )
            ],
            path,
        )
        segments.append(
            Segment(path, 0, first, first + len(several), whole=True, records=len(several))
        )
    writer.close()
    with Rebuilding(folder / "made.duckdb", judge=judge, describe=describe, threads=2) as making:
        making.fill(segments, lambda _: None)
        making.finish("a log", {0: len(records)}, {})
        return {name: table(making, name) for name in LAWFUL}


def table(making: Rebuilding, name: str) -> list[tuple[Any, ...]]:
    connection = making.warehouse.connection
    columns = [column for (column, *_) in connection.execute(f"describe {name}").fetchall()]
    kept = ", ".join(column for column in columns if column not in PROVENANCE)
    return connection.execute(f"select {kept} from {name} order by all").fetchall()


def projected(records: list[Stored], folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    with Projected(folder / "projected.duckdb") as warehouse:
        return warehouse.append(records).project(3).tables()


def check_the_same(records: list[Stored], kind: str, chunk: int, folder: Path) -> None:
    folder = folder / str(next(FOLDERS))
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rebuilding, "CHUNK_FACTS", chunk)
        assert rebuilt(records, folder, kind=kind) == projected(records, folder)


any_of_them = given(
    records=any_records(),
    kind=st.sampled_from(["stated", "whole"]),
    chunk=st.sampled_from([1, 5, 1000]),
)


@few
@any_of_them
def test_whatever_the_records_are_the_tables_are_the_same(
    records: list[Stored], kind: str, chunk: int, tmp_path: Path
) -> None:
    check_the_same(records, kind, chunk, tmp_path)


def test_of_no_records_the_tables_are_the_same(tmp_path: Path) -> None:
    check_the_same([], "stated", 1, tmp_path)


@pytest.mark.parametrize("kind", ["stated", "whole"])
def test_a_pageview_whose_first_fact_comes_in_a_later_chunk_counts_once(
    kind: str, tmp_path: Path
) -> None:
    records = [glimpse(1, 1, engagement_ms=1000), glimpse(1, 0, received_at=NOW + 5)]
    check_the_same(records, kind, 1, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@many
@any_of_them
def test_the_tables_are_the_same_two_hundred_times(
    records: list[Stored], kind: str, chunk: int, tmp_path: Path
) -> None:
    check_the_same(records, kind, chunk, tmp_path)


def test_what_was_read_by_the_judge_alone_is_in_the_tables(tmp_path: Path) -> None:
    records = [glimpse(1), curt(pageview=2), Stored(b"junk", NOW), glimpse(3)]
    tables = rebuilt(records, tmp_path)
    assert len(tables["pageview"]) == 3
    assert tables == projected(records, tmp_path)


def test_a_fact_of_another_version_goes_to_the_judge_byte_by_byte(tmp_path: Path) -> None:
    former = glimpse(2).value.replace(b"page.viewed.v1", b"page.viewed.v0")
    former = former.replace(b"page.viewed:1", b"page.viewed:0")
    writer = SegmentWriter(judge, "stated")
    one = Batch(0, [0, 1], [NOW, NOW], [b"", b""], [glimpse(1).value, glimpse(2).value])
    writer.write([one], tmp_path / "0.parquet")
    writer.close()
    with duckdb.connect() as connection:
        changed = """select * replace (if("offset" = 1, 'dwell.page.viewed.v0', type) as type)"""
        path, older = tmp_path / "0.parquet", tmp_path / "1.parquet"
        connection.execute(f"copy ({changed} from '{path}') to '{older}'")
    asked: list[bytes] = []

    def asks(value: bytes) -> Verdict:
        asked.append(value)
        return judge(value)

    with Rebuilding(tmp_path / "made.duckdb", judge=asks, describe=describe, threads=1) as making:
        making.fill([Segment(older, 0, 0, 2, whole=True, records=2)], lambda _: None)
        making.finish("a log", {0: 2}, {})
        assert len(table(making, "pageview")) == 1
    assert asked == [former]


def test_who_is_forgotten_at_the_end_is_left_out_of_the_beginning(tmp_path: Path) -> None:
    records = [glimpse(1, visitor=1), glimpse(2, visitor=2, session=2), forgotten(1, NOW + 5)]
    tables = rebuilt(records, tmp_path, size=1)
    assert len(tables["pageview"]) == len(tables["tracking_session"]) == 1
    assert tables == projected(records, tmp_path)


def test_of_a_row_that_a_forgotten_visitor_had_a_part_in_the_others_part_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "CHUNK_FACTS", 1)
    records = [curt(visitor=1), curt(seq=1, visitor=2), forgotten(1, NOW + 5)]
    tables = rebuilt(records, tmp_path, size=1, written_by=narrow_judge)
    assert len(tables["pageview"]) == 1
    assert tables == projected(records, tmp_path)


def test_a_segment_in_pieces_has_every_record_once(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "x", 0, 10, 21, whole=True, records=11)
    pieces = list(segment.pieces(4))
    assert [(each.first, each.until, each.whole) for each in pieces] == [
        (10, 14, False),
        (14, 18, False),
        (18, 21, False),
    ]
    assert list(segment.pieces(11)) == [segment]
