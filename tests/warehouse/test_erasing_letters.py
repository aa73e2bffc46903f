"""What an erasure takes besides rows: dead letters; and what it asks for: a file written anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dwell.warehouse.reading import Forgotten
from dwell.warehouse.scrubbing import SCRUB_DUE
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7

FORGOTTEN = uuid7(1).encode()
LETTERS = [
    Stored(b"\xff" + FORGOTTEN, NOW, b"key"),
    Stored(b"\xff" + FORGOTTEN.upper(), NOW + 10),
    Stored(b"no json", NOW, FORGOTTEN),
    Stored(b"no json", NOW + 11, FORGOTTEN),  # later than the erasure
    Stored(b'{"other": "' + uuid7(2).encode() + b'"}', NOW),
]
LEFT = [(b"no json",), (b'{"other": "' + uuid7(2).encode() + b'"}',)]
ORDER = forgotten(1, NOW + 10)
PAYLOADS = 'select payload from dead_letter order by "offset"'


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    with Projected(tmp_path / "warehouse.duckdb") as opened:
        yield opened


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize(
    "records", [[*LETTERS, ORDER], [ORDER, *LETTERS], [*LETTERS[:2], ORDER, *LETTERS[2:]]]
)
def test_dead_letters_that_name_the_visitor_go_whenever_they_are_read(
    projected: Projected, records: list[Stored], batch: int
) -> None:
    projected.append(records).project(batch)
    assert projected.rows(PAYLOADS) == LEFT
    assert projected.warehouse.info(SCRUB_DUE) is not None


def test_they_go_when_a_sibling_was_told_to_forget(projected: Projected) -> None:
    projected.append(LETTERS).project()
    projected.forget([Forgotten(uuid7(1), NOW + 10)])
    assert projected.rows(PAYLOADS) == LEFT


def test_an_erasure_that_takes_rows_asks_for_a_file_written_anew(projected: Projected) -> None:
    projected.append([glimpse(1), glimpse(2, visitor=2, session=2)]).project()
    projected.append([forgotten(3, NOW + 10)]).project()
    assert projected.warehouse.info(SCRUB_DUE) is None
    projected.append([forgotten(1, NOW + 10)]).project()
    assert projected.warehouse.info(SCRUB_DUE) is not None


def test_a_record_whose_payload_was_erased_is_neither_a_row_nor_a_dead_letter(
    projected: Projected,
) -> None:
    projected.append([glimpse(1), Stored(b"", NOW), glimpse(2)]).project()
    assert projected.rows("select count(*) from pageview") == [(2,)]
    assert projected.rows("select count(*) from dead_letter") == [(0,)]
    assert projected.position == 3
