"""The traffic of the benchmarks, and the warehouse that is made of it without projecting it."""

from pathlib import Path

import pytest

from benchmarks.filled import fill
from benchmarks.traffic import FACTS, Traffic
from tests.support.facts import LAWFUL, Projected

TABLES = (*LAWFUL, "log_offset")


@pytest.mark.parametrize("skewed", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_filled_warehouse_is_what_projecting_the_same_facts_makes(
    tmp_path: Path, skewed: bool
) -> None:
    traffic, pageviews = Traffic(pageviews_per_second=3, skewed=skewed), 600
    fill(tmp_path / "filled.duckdb", traffic, pageviews)
    with Projected(tmp_path / "projected.duckdb") as projected:
        for batch in traffic.until(traffic.offset_after(pageviews), size=400):
            projected.apply(batch)
        projected.connection.execute(f"attach '{tmp_path / 'filled.duckdb'}' as filled")
        for table in TABLES:
            made = projected.rows(f"from warehouse.{table} order by all")
            assert made == projected.rows(f"from filled.{table} order by all"), table
        assert projected.rows("select count(*) from warehouse.pageview") == [(pageviews,)]


def test_every_pageview_has_its_facts_once_and_in_order() -> None:
    traffic = Traffic(pageviews_per_second=3)
    for pageview in (0, 1, 77, 5000):
        ticks = [traffic.tick(pageview, seq) for seq in range(FACTS)]
        assert ticks == sorted(ticks)
        assert [traffic.pageview(tick, seq) for seq, tick in enumerate(ticks)] == [pageview] * FACTS
