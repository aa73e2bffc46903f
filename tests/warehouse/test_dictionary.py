"""What tables, views and columns say of themselves, and the page that is made of it."""

from pathlib import Path

from dwell.warehouse.catalogue import Table, tables_of
from dwell.warehouse.dictionary import dictionary_page, tables_of_new_warehouse
from dwell.warehouse.published import open_published
from tests.support.facts import glimpse
from tests.support.house import ROOT
from tests.support.sharding import Sharded


def tables_of_a_union(folder: Path) -> list[Table]:
    with Sharded(folder, 2) as sharded:
        sharded.append(1, [glimpse(1)])
        with open_published(sharded.published) as connection:
            return tables_of(connection)


def silent(tables: list[Table]) -> list[str]:
    """Those that say nothing, or nothing that ends as a sentence does."""
    said = {table.name: table.comment for table in tables} | {
        f"{table.name}.{column.name}": column.comment
        for table in tables
        for column in table.columns
    }
    return [name for name, comment in said.items() if not comment.endswith((".", ")"))]


def test_every_table_view_and_column_says_what_it_is(tmp_path: Path) -> None:
    tables = tables_of_new_warehouse()
    assert {"pageview", "pageview_ledger"} <= {table.name for table in tables}
    assert silent(tables) == []
    assert silent(tables_of_a_union(tmp_path)) == []


def test_a_union_has_the_same_and_says_what_it_unites(tmp_path: Path) -> None:
    told = {table.name: table.comment for table in tables_of_new_warehouse()}
    united = {table.name: table.comment for table in tables_of_a_union(tmp_path)}
    assert united.keys() - told.keys() == {"shard"}
    assert told.items() <= united.items()


def test_the_page_is_what_the_comments_say() -> None:
    page = (ROOT / "docs/dictionary.md").read_text()
    assert page == dictionary_page(), "docs/dictionary.md is not what the comments say: ./dev docs"


def test_the_page_has_name_type_and_meaning_of_a_column_and_whether_it_may_be_null() -> None:
    page = (ROOT / "docs/dictionary.md").read_text()
    assert "| `session_id` | `UUID` | no | The tracking_session it belongs to. |" in page
    assert "| `session_id` | `UUID` | The tracking_session it belongs to. |" in page
    assert "\n## pageview_ledger\n\nA view. One row for each pageview: " in page
