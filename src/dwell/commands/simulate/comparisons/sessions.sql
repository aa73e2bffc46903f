-- Each session of which a fact has arrived, and each other one of the simulated visitors.
with expected as (
    select
        session as id,
        {visitor: any_value(visitor), agent: any_value(agent), pageviews: count(*), "rows": 1} as expected
    from expected_session
    join expected_pageview using (session)
    join arrived using (pageview)
    group by session
),
found as (
    select
        session_id as id,
        {
            visitor: min(visitor_id),
            agent: min(browser_agent),
            pageviews: min(pageviews),
            "rows": count(*)
        } as found
    from tracking_session
    where
        session_id in (select session from expected_session)
        or visitor_id in (select visitor from expected_session)
    group by session_id
)
select id::varchar as id, expected, found
from expected
full join found using (id)
