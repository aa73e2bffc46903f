create or replace temp table known_contested_session as
select tracking_session.rowid as row_id, tracking_session.*
from tracking_session
join met_session as met on tracking_session.rowid = met.row_id
where not met.plain;

create or replace temp view contested_session as
select columns(known.* exclude (row_id))
from known_contested_session as known
union all
select
    session_id, visitor_id, browser_agent, started_at, occurred_at as last_seen_at, 0 as pageviews,
    null::uuid[] as other_visitor_ids, received_at as first_received_at,
    received_at as last_received_at, pageview_id as first_pageview_id, seq as first_seq, partition,
    "offset" as first_offset, partition as last_partition, "offset" as last_offset
from fact
semi join (
    select session_id from known_contested_session
    union all
    select session_id from batch_session anti join met_session using (session_id)
    where not single
) as contested_key using (session_id);

create or replace temp table merged_session as
with begun as (
    select session_id, count(*) as pageviews from begun_pageview group by session_id
)

select
    merged.* replace ((merged.pageviews + coalesce(begun.pageviews, 0))::integer as pageviews)
from merged_sessions('contested_session') as merged
left join begun using (session_id);

insert into new_session
select merged.*
from merged_session as merged
anti join known_contested_session using (session_id);

update tracking_session
set
    started_at = merged.started_at,
    last_seen_at = merged.last_seen_at,
    pageviews = merged.pageviews,
    last_received_at = merged.last_received_at,
    partition = merged.partition,
    first_offset = merged.first_offset,
    last_partition = merged.last_partition,
    last_offset = merged.last_offset
from merged_session as merged
join known_contested_session as known using (session_id)
where tracking_session.rowid = known.row_id;

create or replace temp table renamed_session as
select known.row_id, merged.*
from merged_session as merged
join known_contested_session as known using (session_id)
where
    merged.first_received_at <> known.first_received_at
    or merged.first_pageview_id <> known.first_pageview_id
    or merged.first_seq <> known.first_seq
    or merged.visitor_id <> known.visitor_id
    or merged.browser_agent <> known.browser_agent
    or merged.other_visitor_ids is distinct from known.other_visitor_ids;
