-- Each pageview of which a fact has arrived, and each other one of the simulated sessions.
with told as (
    select previous as pageview, max(previous_seq) as last_seq
    from expected_pageview
    join arrived using (pageview)
    group by previous
),
expected as (
    select
        pageview as id,
        {
            session: session,
            visitor: visitor,
            "view": view_name,
            -- The whole truth once every fact is there; else as much of it as has arrived.
            engagement_ms: if(arrived.facts = expected_pageview.facts, engagement_ms, visible_ms),
            previous_seq: previous_seq,
            facts_lost: greatest(arrived.last_seq, told.last_seq) + 1 - arrived.facts,
            "rows": 1
        } as expected
    from expected_pageview
    join arrived using (pageview)
    left join told using (pageview)
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
            previous_seq: min(previous_seq),
            facts_lost: min((
                select min(facts_lost) from pageview_ledger as ledger
                where ledger.pageview_id = pageview.pageview_id
            )),
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
