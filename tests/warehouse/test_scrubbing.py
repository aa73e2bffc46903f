"""A warehouse written anew has everything that the former one had, and nothing of what was erased."""

from pathlib import Path

import pytest

from dwell.errors import WarehouseError
from dwell.rules import Rules
from dwell.warehouse import remains, scrubbing
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7

CATALOGUE = (
    "select table_name, comment from duckdb_tables() where database_name = 'warehouse' order by all",
    "select view_name, comment from duckdb_views() where database_name = 'warehouse' order by all",
    "select table_name, column_name, comment, data_type, is_nullable from duckdb_columns() "
    "where database_name = 'warehouse' order by all",
)
MINUTE = 60_000


@pytest.mark.parametrize("rules", [None, Rules(session_timeout=600, engagement_cap=300)])
def test_a_file_written_anew_is_the_same_warehouse(tmp_path: Path, rules: Rules | None) -> None:
    path, anew = tmp_path / "warehouse.duckdb", tmp_path / "anew.duckdb"
    with Projected(path, rules=rules) as projected:
        projected.append(
            glimpse(n, visitor=n % 3, session=10 + n % 3, received_at=NOW + n * MINUTE)
            for n in range(60)
        ).project()
        projected.append([Stored(b"junk", NOW), forgotten(1, NOW + 100 * MINUTE)]).project()
        projected.warehouse.checkpoint()
        assert projected.warehouse.info(scrubbing.SCRUB_DUE) is not None
        tables = projected.tables()
        order = projected.rows("select pageview_id from pageview")
        catalogue = [projected.rows(each) for each in CATALOGUE]
        scrubbing.scrub(path, anew)
    assert {each.name for each in tmp_path.iterdir() if each.name.startswith("anew")} == {anew.name}
    with Projected(anew, rules=rules) as projected:
        assert projected.tables() == tables
        assert projected.rows("select pageview_id from pageview") == order
        assert [projected.rows(each) for each in CATALOGUE] == catalogue
        assert projected.warehouse.info(scrubbing.SCRUB_DUE) is None
        assert projected.warehouse.info(scrubbing.SCRUBBED_AT) is not None
        projected.append([glimpse(99, visitor=7, session=7)])
        projected.project()
    assert remains.in_warehouse(anew, [uuid7(1)]).rows == {}


def test_what_cannot_be_written_anew_leaves_nothing(tmp_path: Path) -> None:
    path, anew = tmp_path / "warehouse.duckdb", tmp_path / "anew.duckdb"
    path.write_bytes(b"no warehouse")
    with pytest.raises(WarehouseError, match="could not be written anew"):
        scrubbing.scrub(path, anew)
    assert list(tmp_path.iterdir()) == [path]
