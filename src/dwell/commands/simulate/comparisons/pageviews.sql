-- Each pageview of which a fact has arrived, and each other one of the simulated sessions.
with expected as (
    select
        pageview as id,
        {
            session: session,
            visitor: visitor,
            "view": view_name,
            -- The whole truth once every fact is there; else as much of it as has arrived.
            engagement_ms: if(arrived.facts = expected_pageview.facts, engagement_ms, visible_ms),
            "rows": 1
        } as expected
    from expected_pageview
    join arrived using (pageview)
    join expected_session using (session)
),
found as (
    select
        pageview_id as id,
        {
            session: min(session_id),
            visitor: min(visitor_id),
            "view": min(view_name),
            engagement_ms: round(min(engagement_time) * 1000)::bigint,
            "rows": count(*)
        } as found
    from pageview
    where
        session_id in (select session from expected_session)
        or pageview_id in (select pageview from expected_pageview)
    group by pageview_id
)
select id::varchar as id, expected, found
from expected
full join found using (id)
