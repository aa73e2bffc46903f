"""Published warehouses of the real schema, with rows that a test chooses."""

from collections.abc import Sequence
from pathlib import Path

from dwell.warehouse import snapshot
from dwell.warehouse.live import LiveWarehouse

PAGE_A = "dwell.site.pages.page_a.PageA"
PAGE_B = "dwell.site.pages.page_b.PageB"
STARTED = "2026-03-01 12:00:00"


def publish(
    data: Path, engagement: Sequence[float], view: str = PAGE_A, identity: str = '{"path": "/"}'
) -> Path:
    """Add a session with a pageview for each of these seconds of engagement, and publish.

    Returns the path of the published warehouse.
    """
    with LiveWarehouse(data / "live" / "warehouse.duckdb") as warehouse:
        with warehouse.transaction() as connection:
            connection.execute(
                """
                create or replace temp table given as
                select
                    uuidv7() as pageview_id, (select uuidv7()) as session_id,
                    (select uuid()) as visitor_id, 'Mozilla/5.0' as browser_agent, '' as referrer,
                    unnest($1::double[]) as engagement_time, $2 as view_name, $3 as identity,
                    $4::timestamp as started_at, $4::timestamp as last_seen_at,
                    $4::timestamp as first_received_at, $4::timestamp as last_received_at,
                    0 as first_seq, 1 as last_seq, 2 as facts, false as end_seen,
                    0 as partition, 1 as first_offset, 0 as last_partition, 2 as last_offset
                """,
                [list(engagement), view, identity, STARTED],
            )
            connection.execute("""
                insert into warehouse.pageview by name
                select * exclude browser_agent from given;
                insert into warehouse.tracking_session by name
                select
                    any_value(columns(* exclude (
                        pageview_id, referrer, engagement_time, view_name, identity, last_seq, facts,
                        end_seen
                    ))),
                    min(pageview_id) as first_pageview_id, count(*) as pageviews
                from given;
                insert into warehouse.browser_agent
                select 'Mozilla/5.0', 'Firefox', 'Linux', 'desktop', false
                where not exists (from warehouse.browser_agent);
            """)
        return copy_of(warehouse, data)


def copy_of(warehouse: LiveWarehouse, data: Path) -> Path:
    """Publish a live warehouse as it is; returns the path."""
    warehouse.checkpoint()
    snapshot.copy(warehouse.path, data / "warehouse.duckdb")
    return data / "warehouse.duckdb"
