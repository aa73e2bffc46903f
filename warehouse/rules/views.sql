-- The tables with the rules applied.
create or replace view visibility_change as
select * replace (capped(engagement_time) as engagement_time)
from browser.visibility_change;

create or replace view pageview as
select
    told.* replace (
        coalesce(split.part_id, told.session_id) as session_id,
        capped(told.engagement_time) as engagement_time
    )
from browser.pageview as told
left join browser.session_split as split using (pageview_id);

-- A session that is split has a row for each part. Whose it is, and what of, the browser's session says;
-- everything else its own pageviews do.
create or replace view tracking_session as
with split_session as (
    select distinct session_id from browser.session_split
),

part as (
    select
        told.session_id,
        coalesce(split.part_id, told.session_id) as part_id,
        min(started_at) as started_at,
        max(last_seen_at) as last_seen_at,
        count(*)::integer as pageviews,
        min(first_received_at) as first_received_at,
        max(last_received_at) as last_received_at,
        min({'partition': partition, 'offset': first_offset}) as first_record,
        max({'partition': last_partition, 'offset': last_offset}) as last_record
    from browser.pageview as told
    semi join split_session using (session_id)
    left join browser.session_split as split using (pageview_id)
    group by all
)

from browser.tracking_session
anti join split_session using (session_id)
union all by name
select
    part.part_id as session_id,
    told.visitor_id,
    told.browser_agent,
    part.started_at,
    part.last_seen_at,
    part.pageviews,
    told.other_visitor_ids,
    part.first_received_at,
    part.last_received_at,
    told.first_pageview_id,
    told.first_seq,
    first_record.partition as partition,
    first_record.offset as first_offset,
    last_record.partition as last_partition,
    last_record.offset as last_offset
from part
join browser.tracking_session as told using (session_id);
