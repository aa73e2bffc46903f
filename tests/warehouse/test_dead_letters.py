"""Dead letters in the warehouse: set aside, read after all, sent on."""

import re
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from dwell.consumers.judge import judge
from dwell.schemas.refusals import OF_RECORDS
from dwell.warehouse import dead_letters
from dwell.warehouse.dead_letters import Unforwarded
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import NOW, Projected, Stored, curt, forgotten, glimpse, narrow_judge
from tests.support.running import script

LETTERS = 'select "offset" from warehouse.dead_letter order by all'
PAGEVIEWS = "select count(*) from warehouse.pageview"


def upgraded(path: Path, *before: Stored) -> Projected:
    """A warehouse in which an older version set aside what it could not read."""
    with Projected(path, narrow_judge) as older:
        older.append(before).project()
    newer = Projected(path)
    newer.append(before)
    newer.position = len(before)
    return newer


@pytest.mark.parametrize("repeated", [1, 2])
def test_a_record_that_was_read_after_all_is_no_dead_letter_any_more(
    tmp_path: Path, repeated: int
) -> None:
    letter = curt(pageview=1)
    junk = Stored(b"junk", NOW)
    with upgraded(tmp_path / "w.duckdb", junk, *[letter] * repeated, curt(pageview=2)) as projected:
        assert len(projected.rows(LETTERS)) == repeated + 2
        projected.append([glimpse(5), letter, junk]).project()
        assert projected.rows(LETTERS) == [(0,), (repeated + 1,), (repeated + 4,)]
        assert projected.rows(PAGEVIEWS) == [(2,)]
        projected.append([letter, curt(pageview=2)]).project(batch=1)
        assert projected.rows(LETTERS) == [(0,), (repeated + 4,)]
        assert projected.rows(PAGEVIEWS) == [(3,)]


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        (-(2**62), "1970-01-01 00:00:00"),
        (-1, "1970-01-01 00:00:00"),
        (NOW, "2025-11-24 16:00:00"),
        (2**53, "9999-12-31 23:59:59.999"),
        (2**62, "9999-12-31 23:59:59.999"),
    ],
)
def test_an_absurd_time_of_a_foreign_record_is_kept_as_the_nearest_in_the_calendar(
    tmp_path: Path, claimed: int, kept: str
) -> None:
    with Projected(tmp_path / "w.duckdb") as projected:
        projected.append([Stored(b"junk", claimed), glimpse(1)]).project()
        assert projected.rows(PAGEVIEWS) == [(1,)]
        [(received_at,)] = projected.rows("select received_at from warehouse.dead_letter")
        assert received_at == datetime.fromisoformat(kept)


def test_an_erasure_that_was_set_aside_is_carried_out_when_it_is_read(tmp_path: Path) -> None:
    erasure = forgotten(1, NOW + 10)
    with upgraded(tmp_path / "w.duckdb", glimpse(1, visitor=1), erasure) as projected:
        assert projected.rows(LETTERS) == [(1,)]
        projected.append([erasure]).project()
        assert projected.rows(LETTERS) == []
        assert projected.rows(PAGEVIEWS) == [(0,)]


def test_a_record_that_is_read_again_at_its_own_place_is_let_go_too(tmp_path: Path) -> None:
    with upgraded(tmp_path / "w.duckdb", curt(pageview=1), Stored(b"junk", NOW)) as projected:
        projected.position = 0
        projected.project()
        assert projected.rows(LETTERS) == [(1,)]
        assert projected.rows(PAGEVIEWS) == [(1,)]


def test_a_version_that_still_cannot_read_it_keeps_every_letter(tmp_path: Path) -> None:
    with Projected(tmp_path / "w.duckdb", narrow_judge) as projected:
        projected.append([curt(pageview=1)]).project().append([curt(pageview=1)]).project()
    with Projected(tmp_path / "w.duckdb", narrow_judge) as projected:
        projected.append([curt(pageview=1)] * 3)
        projected.position = 1
        projected.project()
        assert projected.rows(LETTERS) == [(0,), (1,), (2,)]


def test_what_is_let_go_is_let_go_with_the_rows_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    code = (
        "import os; from tests.support.facts import *; from pathlib import Path\n"
        f"p = Projected(Path({str(path)!r})); p.position = 1\n"
        "p._projection._advance = lambda _: os.kill(os.getpid(), 9)\n"
        "p.append([curt(pageview=1)] * 2).project()"
    )
    upgraded(path, curt(pageview=1)).warehouse.close()
    assert script(code).status == -9
    with Projected(path) as projected:
        assert (projected.rows(LETTERS), projected.rows(PAGEVIEWS)) == ([(0,)], [(0,)])
        projected.append([curt(pageview=1)] * 2)
        projected.position = 1
        projected.project()
        assert (projected.rows(LETTERS), projected.rows(PAGEVIEWS)) == ([], [(1,)])


def test_what_was_forwarded_is_struck_off_and_the_rest_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_BYTES", 10)
    with Projected(tmp_path / "w.duckdb") as projected:
        projected.append(
            [
                Stored(text, NOW + n, b"k")
                for n, text in enumerate([b"x" * 30, b"y" * 9, b"z", b" "])
            ]
        ).project()
        unforwarded = Unforwarded(projected.warehouse, largest=30)
        seen = []
        while letters := unforwarded.first(()):
            seen.append([letter.offset for letter in letters])
            unforwarded.strike(letters, datetime(2026, 3, 1))
        assert seen == [[0], [1, 2], [3]]
        assert projected.rows("select distinct forwarded_at, key from warehouse.dead_letter") == [
            (datetime(2026, 3, 1), b"k")
        ]


def test_a_letter_says_what_the_record_was(tmp_path: Path) -> None:
    with Projected(tmp_path / "w.duckdb") as projected:
        projected.append([glimpse(1), Stored(b"[]", NOW + 7, b"key")]).project()
        [letter] = Unforwarded(projected.warehouse, largest=100).first(())
        verdict = judge(b"[]")
        assert letter == (0, 1, b"key", b"[]", NOW + 7, *verdict)
        assert Unforwarded(projected.warehouse, largest=1).first(()) == []


def test_the_comment_lists_the_reasons(tmp_path: Path) -> None:
    with LiveWarehouse(tmp_path / "w.duckdb") as warehouse:
        [(comment,)] = warehouse.connection.execute(
            "select comment from duckdb_columns()"
            " where table_name = 'dead_letter' and column_name = 'reason'"
        ).fetchall()
    assert re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", comment) == [each.value for each in OF_RECORDS]


@pytest.fixture
def first_schema(tmp_path: Path) -> Path:
    """A warehouse as the first version wrote it, with a pageview and a dead letter."""
    path = tmp_path / "w.duckdb"
    tables = (files("dwell.warehouse") / "migrations" / "0001_tables.sql").read_text()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as warehouse (storage_version 'v1.4.0')")
        connection.execute(f"use warehouse; {tables}")
        connection.execute("""
            insert into projection_info values ('schema_version', '1'), ('log_identity', 'memory');
            insert into log_offset values (0, 2);
            insert into dead_letter
            values (0, 1, 'not_json', 'the record is not JSON', encode('junk'), '2026-03-01');
            insert into visibility_change
            values (uuidv7(), 0, 'visible', now()::timestamp, 0, now()::timestamp,
                    now()::timestamp, 0, 0, 0, 0);
        """)
    return path


def test_a_warehouse_of_the_first_schema_keeps_its_rows(first_schema: Path) -> None:
    with LiveWarehouse(first_schema) as warehouse:
        rows = warehouse.connection.execute("from warehouse.dead_letter").fetchall()
        assert rows == [
            (0, 1, "not_json", "the record is not JSON", b"junk", datetime(2026, 3, 1), None, None)
        ]
        assert warehouse.positions() == {0: 2}
        assert int(warehouse.info("schema_version") or 0) >= 2
    with Projected(first_schema) as projected:
        [letter] = Unforwarded(projected.warehouse, largest=100).first(())
        assert (letter.offset, letter.key) == (1, None)
        projected.append([glimpse(1), Stored(b"junk", NOW), Stored(b"more", NOW, b"key")])
        projected.position = 2
        projected.project()
        assert projected.rows(LETTERS) == [(1,), (2,)]


def test_an_upgrade_survives_a_kill(first_schema: Path) -> None:
    code = (
        "import os; from dwell.warehouse.live import *;"
        f"LiveWarehouse(Path({str(first_schema)!r})); os.kill(os.getpid(), 9)"
    )
    assert script(code).status == -9
    with Projected(first_schema) as projected:
        assert projected.rows("select payload, key from warehouse.dead_letter") == [(b"junk", None)]
