-- The sessions of the pageviews that are there.
insert into warehouse.tracking_session
with sessions as (
    select
        session_id,
        any_value(visitor_id) as visitor_id,
        min(started_at) as started_at,
        max(last_seen_at) as last_seen_at,
        count(*) as pageviews,
        min(first_received_at) as first_received_at,
        max(last_received_at) as last_received_at,
        min_by(pageview_id, first_offset) as first_pageview_id,
        min(first_offset) as first_offset,
        max(last_offset) as last_offset
    from warehouse.pageview
    group by session_id
)

select
    session_id,
    visitor_id,
    getvariable('agents')[agent_number(session_number(first_offset // 5)) + 1],
    started_at,
    last_seen_at,
    pageviews,
    null,
    first_received_at,
    last_received_at,
    first_pageview_id,
    0,
    0,
    first_offset,
    0,
    last_offset
from sessions
order by first_offset;
