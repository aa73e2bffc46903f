-- Several facts of a session are often received at one moment: the first of them is found among
-- those of the first moment alone.
create or replace temp table new_session as
with new_sessions as (
    select * from batch_session anti join met_session using (session_id) where single
),

first_facts as (
    select
        fact.session_id,
        min({
            'pageview_id': fact.pageview_id,
            'seq': fact.seq,
            'visitor_id': fact.visitor_id,
            'browser_agent': fact.browser_agent
        }) as first_fact
    from fact
    join new_sessions as new
        on fact.session_id = new.session_id and fact.received_at = new.first_received_at
    group by fact.session_id
),

begun as (
    select session_id, count(*) as pageviews from begun_pageview group by session_id
)

select
    session_id,
    first_fact.visitor_id as visitor_id,
    first_fact.browser_agent as browser_agent,
    new.started_at,
    new.last_seen_at,
    coalesce(begun.pageviews, 0)::integer as pageviews,
    null::uuid[] as other_visitor_ids,
    new.first_received_at,
    new.last_received_at,
    first_fact.pageview_id as first_pageview_id,
    first_fact.seq as first_seq,
    partition_of(new.first_record) as partition,
    offset_of(new.first_record) as first_offset,
    partition_of(new.last_record) as last_partition,
    offset_of(new.last_record) as last_offset
from first_facts
join new_sessions as new using (session_id)
left join begun using (session_id);
