"""The audience of the benchmark of the named queries."""

from pathlib import Path

import duckdb

from benchmarks.audience import fill


def test_an_audience_is_a_warehouse_whose_tables_agree(tmp_path: Path) -> None:
    fill(tmp_path / "warehouse.duckdb", visitors=300)
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as connection:
        [(sessions, pageviews, visitors)] = connection.execute(
            "select count(*), sum(pageviews), count(distinct visitor_id) from tracking_session"
        ).fetchall()
        assert visitors == 300
        assert visitors < sessions < pageviews
        assert connection.execute(
            "select count(*), count(distinct pageview_id), count(distinct session_id) from pageview"
        ).fetchall() == [(pageviews, pageviews, sessions)]
        assert connection.execute(
            "select count(*) > 0, bool_and(before.session_id = pageview.session_id)"
            " from pageview join pageview as before"
            " on before.pageview_id = pageview.previous_pageview_id"
        ).fetchall() == [(True, True)]
        assert connection.execute(
            "select is_bot, count(*) > 5 from pageview_with_session group by is_bot order by is_bot"
        ).fetchall() == [(False, True), (True, True)]
