"""The examples of docs/querying.md and the query of docs/erasure.md, run as they stand there."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dwell.warehouse.session import Session
from tests.support.examples import examples, run_python, run_shell
from tests.support.facts import Projected, Stored, glimpse, uuid7
from tests.support.house import ROOT
from tests.support.publishing import PAGE_A, PAGE_B, copy_of

PAGE = (ROOT / "docs" / "querying.md").read_text()
MARCH = 1_772_366_400_000
"""Noon of the first of March 2026: the examples ask for that month."""
ENGAGEMENT = next(query for query in examples("querying.md", "sql") if "as p90" in query)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a warehouse in `data`, as the examples take it: a visit in March 2026."""
    folder = tmp_path_factory.mktemp("querying")
    with Projected(folder / "data" / "live" / "warehouse.duckdb") as projected:
        for number, seconds in enumerate((2, 4, 60), 1):
            projected.append(seen(number, seconds, PAGE_A))
        projected.append(seen(4, 12, PAGE_B, previous=3, previous_seq=1))
        projected.append(seen(5, 3, "shop.Basket", session=2, visitor=2)).project()
        copy_of(projected.warehouse, folder / "data")
    return folder


def seen(pageview: int, seconds: int, view: str, **previous: Any) -> list[Stored]:
    """The facts of a pageview that was seen for so many seconds."""
    identity = {"path": f"/{view.split('.')[-2]}", "title": view}
    began = MARCH + 100_000 * pageview
    told = partial(glimpse, pageview, view=view, identity=identity, **previous)
    return [
        told(received_at=began),
        told(seq=1, engagement_ms=1000 * seconds, received_at=began + 1000 * seconds, visibility="hidden"),
    ]  # fmt: skip


def answer(folder: Path, query: str) -> list[dict[str, Any]]:
    """The rows of one query."""
    with Session(folder / "data" / "warehouse.duckdb") as session:
        for result in session.run(query):
            return [row for batch in result.batches for row in batch.to_pylist()]
    raise AssertionError(query)


@pytest.mark.parametrize("query", examples("querying.md", "sql"))
def test_every_query_has_an_answer(folder: Path, query: str) -> None:
    assert answer(folder, query)


def test_engagement_by_view_says_mean_median_and_p90(folder: Path) -> None:
    rows = answer(folder, ENGAGEMENT)
    assert rows[0] == {
        "view_name": PAGE_A,
        "pageviews": 3,
        "mean": 22.0,
        "median": 4.0,
        "p90": 48.8,
    }


def test_who_was_on_a_page_at_a_time_is_found(folder: Path) -> None:
    [query] = examples("erasure.md", "sql")
    found = answer(folder, query)
    assert [(str(each["visitor_id"]), each["other_visitor_ids"]) for each in found] == [
        (uuid7(2), None)
    ]


def commands() -> list[str]:
    return [line for block in examples("querying.md", "sh") for line in block.splitlines()]


@pytest.mark.parametrize("command", commands())
def test_every_command_works(folder: Path, command: str) -> None:
    printed = run_shell(command, folder)
    written = re.search(r"(?:> |--output )(\S+)", command)
    assert (folder / written[1]).stat().st_size > 100 if written else printed


def test_every_program_works(folder: Path) -> None:
    for program in examples("querying.md", "python"):
        assert run_python(program, folder)


def test_every_table_is_on_the_page(folder: Path) -> None:
    with Session(folder / "data" / "warehouse.duckdb") as session:
        for table in session.tables():
            assert f"`{table.name}`" in PAGE
