-- The readable facts that no erasure covers, each with the times its clocks give.
create or replace temp table fact as
with received as (
    select
        partition,
        "offset",
        data.pageview_id as pageview_id,
        data.seq::integer as seq,
        data.session_id as session_id,
        data.view as view_name,
        data.identity as identity,
        data.previous_pageview_id as previous_pageview_id,
        data.referrer as referrer,
        data.visibility as visibility,
        data.engagement_ms / 1000 as engagement_time,
        make_timestamp_ms((data.received_at - data.delay_ms - data.age_ms)::bigint) as started_at,
        make_timestamp_ms((data.received_at - data.delay_ms)::bigint) as occurred_at,
        make_timestamp_ms(data.received_at::bigint) as received_at,
        data.visitor_id as visitor_id,
        data.browser_agent as browser_agent
    from incoming
    where readable
)

select received.*
from received
where not exists (
    from warehouse.erasure
    where erasure.visitor_id = received.visitor_id and received.received_at <= erasure.received_at
);

-- Each fact as a row of each table.
create or replace temp view pageview_of_fact as
select
    pageview_id, session_id, view_name, identity, engagement_time, started_at,
    occurred_at as last_seen_at, seq as last_seq, previous_pageview_id, referrer, visitor_id,
    null::uuid[] as other_visitor_ids, seq as first_seq, received_at as first_received_at,
    received_at as last_received_at, partition, "offset" as first_offset,
    partition as last_partition, "offset" as last_offset
from fact;

create or replace temp view session_of_fact as
select
    session_id, visitor_id, browser_agent, started_at, occurred_at as last_seen_at, 0 as pageviews,
    null::uuid[] as other_visitor_ids, received_at as first_received_at,
    received_at as last_received_at, pageview_id as first_pageview_id, seq as first_seq, partition,
    "offset" as first_offset, partition as last_partition, "offset" as last_offset
from fact;

create or replace temp view change_of_fact as
select
    pageview_id, seq, visibility, occurred_at, engagement_time,
    received_at as first_received_at, received_at as last_received_at, partition,
    "offset" as first_offset, partition as last_partition, "offset" as last_offset
from fact;
