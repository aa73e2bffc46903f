-- The rows of pageviews that were not there, where it is plain what they come to.
create or replace temp macro new_pageviews(batch_rows) as table
select
    batch.pageview_id,
    fact.session_id,
    fact.view_name,
    fact.identity,
    batch.engagement_time,
    batch.started_at,
    batch.last_seen_at,
    seq_of(batch.last_fact) as last_seq,
    fact.previous_pageview_id,
    fact.referrer,
    fact.visitor_id,
    null::uuid[] as other_visitor_ids,
    batch.first_seq,
    fact.received_at as first_received_at,
    batch.last_received_at,
    partition_of(batch.first_record) as partition,
    offset_of(batch.first_record) as first_offset,
    partition_of(batch.last_record) as last_partition,
    offset_of(batch.last_record) as last_offset,
    fact.previous_seq,
    batch.facts::integer as facts,
    is_end(batch.last_fact) as end_seen
from query_table(batch_rows) as batch
join fact on fact.record = batch.first_fact
anti join met_pageview as met on met.pageview_id = batch.pageview_id
where batch.single;
