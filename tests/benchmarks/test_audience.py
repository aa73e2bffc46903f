"""The audience of the benchmark of the named queries."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.audience import fill
from dwell.schemas.facts import PageViewed, VisibilityChanged
from dwell.schemas.records import record_of_glimpse
from tests.support.facts import Projected, Stored

TABLES = ("tracking_session", "pageview", "visibility_change", "browser_agent")
ROWS = """
    select columns(lambda c: c not in ('partition', 'first_offset', 'last_partition', 'last_offset'))
    from {}
    order by all
"""
FACTS = """
    select
        change.pageview_id::varchar as pageview_id,
        seq,
        pageview.session_id::varchar as session_id,
        view_name as view,
        identity,
        previous_pageview_id::varchar as previous_pageview_id,
        previous_seq,
        referrer,
        visibility,
        round(change.engagement_time * 1000)::bigint as engagement_ms,
        epoch_ms(occurred_at) - epoch_ms(pageview.started_at) as age_ms,
        epoch_ms(change.first_received_at) - epoch_ms(occurred_at) as delay_ms,
        pageview.visitor_id::varchar as visitor_id,
        browser_agent,
        epoch_ms(change.first_received_at) as received_at
    from visibility_change as change
    join pageview using (pageview_id)
    join tracking_session using (session_id)
    order by received_at, change.pageview_id, seq
"""


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


def test_an_audience_is_what_the_projection_makes_of_its_facts(tmp_path: Path) -> None:
    fill(tmp_path / "warehouse.duckdb", visitors=80, weeks=3, facts_from=0)
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as connection:
        made = {name: connection.execute(ROWS.format(name)).fetchall() for name in TABLES}
        facts = list(facts_in(connection))
    assert {len(row) for row in made["visibility_change"]} == {7}
    with Projected(tmp_path / "projected.duckdb") as projected:
        projected.append(facts).project(20_000)
        assert {name: projected.rows(ROWS.format(name)) for name in TABLES} == made


def facts_in(connection: duckdb.DuckDBPyConnection) -> Iterator[Stored]:
    """The facts that the tables tell of, in the order in which they were received."""
    rows = connection.execute(FACTS)
    names = [column[0] for column in rows.description or ()]
    for values in rows.fetchall():
        row = dict(zip(names, values, strict=True))
        visitor, agent, received_at = (
            row.pop(name) for name in ("visitor_id", "browser_agent", "received_at")
        )
        fields = row | {"identity": json.loads(row["identity"])}
        fact = (
            VisibilityChanged.model_validate(fields | {"type": "page.visibility_changed"})
            if row["seq"]
            else PageViewed.model_validate(fields | {"type": "page.viewed"})
        )
        value = record_of_glimpse(
            fact, visitor_id=visitor, browser_agent=agent, received_at=received_at
        )
        yield Stored(value, received_at, visitor.encode())
