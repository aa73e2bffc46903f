-- A record is named by one number, partition * 2^48 + offset, so that least and greatest are cheap.
create or replace temp macro record_id(log_partition, log_offset) as
    log_partition::bigint * 281474976710656 + log_offset;

create or replace temp macro partition_of(record) as (record // 281474976710656)::integer;

create or replace temp macro offset_of(record) as record % 281474976710656;

-- The latest fact of a pageview as one number, its position and whether it says hidden. Of two at one
-- position the one that says hidden counts: the other one is a copy that the browser kept of the fact
-- to come, in case the page dies.
create or replace temp macro last_fact(seq, is_hidden) as seq * 2 + is_hidden::integer;

create or replace temp macro seq_of(last_fact) as last_fact // 2;

create or replace temp macro is_end(last_fact) as last_fact % 2 = 1;

-- The merge functions. Each takes rows of one table's shape (the rows that single facts make, rows
-- already in the table, or both) and returns one row a key. Every column's function is commutative,
-- associative and idempotent: the least, the greatest, the union, or what the least fact says.

-- The visitors beside the one a row names: null where there are none.
create or replace temp macro others(visitor_id, visitor_ids, further) as
    case
        when len(visitor_ids) = 1 and further is null then null
        else nullif(
            list_filter(
                list_sort(list_distinct(list_concat(visitor_ids, coalesce(flatten(further), [])))),
                lambda other: other <> visitor_id
            ),
            []
        )
    end;

-- The visitors of a row without those who are forgotten; the one that the row names comes first.
create or replace temp macro visitors_left(visitor_id, other_visitor_ids, forgotten) as
    list_filter(
        list_concat([visitor_id], coalesce(other_visitor_ids, [])),
        lambda each: not list_contains(forgotten, each)
    );

-- facts is not merged: it counts rows of visibility_change, and is kept in step with them.
create or replace temp macro merged_pageviews(rows) as table
with grouped as (
    select
        pageview_id,
        min({
            'seq': first_seq,
            'received_at': first_received_at,
            'session_id': session_id,
            'view_name': view_name,
            'identity': identity::varchar,
            'previous_pageview_id': previous_pageview_id,
            'previous_seq': previous_seq,
            'referrer': referrer,
            'visitor_id': visitor_id
        }) as first_fact,
        max(engagement_time) as engagement_time,
        min(started_at) as started_at,
        max(last_seen_at) as last_seen_at,
        max(last_fact(last_seq, end_seen)) as last_fact,
        list(distinct visitor_id) as visitor_ids,
        list(other_visitor_ids) filter (other_visitor_ids is not null) as further_visitor_ids,
        max(last_received_at) as last_received_at,
        min(record_id(partition, first_offset)) as first_record,
        max(record_id(last_partition, last_offset)) as last_record,
        max(facts) as facts
    from query_table(rows)
    group by pageview_id
)
select
    pageview_id,
    first_fact.session_id as session_id,
    first_fact.view_name as view_name,
    first_fact.identity::json as identity,
    engagement_time,
    started_at,
    last_seen_at,
    seq_of(last_fact) as last_seq,
    first_fact.previous_pageview_id as previous_pageview_id,
    first_fact.referrer as referrer,
    first_fact.visitor_id as visitor_id,
    others(first_fact.visitor_id, visitor_ids, further_visitor_ids) as other_visitor_ids,
    first_fact.seq as first_seq,
    first_fact.received_at as first_received_at,
    last_received_at,
    partition_of(first_record) as partition,
    offset_of(first_record) as first_offset,
    partition_of(last_record) as last_partition,
    offset_of(last_record) as last_offset,
    first_fact.previous_seq as previous_seq,
    facts,
    is_end(last_fact) as end_seen
from grouped;

-- pageviews is not merged: it counts rows of pageview, and is kept in step with them.
create or replace temp macro merged_sessions(rows) as table
with grouped as (
    select
        session_id,
        min({
            'received_at': first_received_at,
            'pageview_id': first_pageview_id,
            'seq': first_seq,
            'visitor_id': visitor_id,
            'browser_agent': browser_agent
        }) as first_fact,
        min(started_at) as started_at,
        max(last_seen_at) as last_seen_at,
        max(pageviews) as pageviews,
        list(distinct visitor_id) as visitor_ids,
        list(other_visitor_ids) filter (other_visitor_ids is not null) as further_visitor_ids,
        max(last_received_at) as last_received_at,
        min(record_id(partition, first_offset)) as first_record,
        max(record_id(last_partition, last_offset)) as last_record
    from query_table(rows)
    group by session_id
)
select
    session_id,
    first_fact.visitor_id as visitor_id,
    first_fact.browser_agent as browser_agent,
    started_at,
    last_seen_at,
    pageviews,
    others(first_fact.visitor_id, visitor_ids, further_visitor_ids) as other_visitor_ids,
    first_fact.received_at as first_received_at,
    last_received_at,
    first_fact.pageview_id as first_pageview_id,
    first_fact.seq as first_seq,
    partition_of(first_record) as partition,
    offset_of(first_record) as first_offset,
    partition_of(last_record) as last_partition,
    offset_of(last_record) as last_offset
from grouped;

-- Of two facts at one position the one that says hidden counts, as above.
create or replace temp macro merged_changes(rows) as table
with grouped as (
    select
        pageview_id,
        seq,
        min(visibility) as visibility,
        min(first_received_at) as first_received_at,
        min(occurred_at) as occurred_at,
        max(engagement_time) as engagement_time,
        max(last_received_at) as last_received_at,
        min(record_id(partition, first_offset)) as first_record,
        max(record_id(last_partition, last_offset)) as last_record
    from query_table(rows)
    group by pageview_id, seq
)
select
    pageview_id,
    seq,
    visibility,
    occurred_at,
    engagement_time,
    first_received_at,
    last_received_at,
    partition_of(first_record) as partition,
    offset_of(first_record) as first_offset,
    partition_of(last_record) as last_partition,
    offset_of(last_record) as last_offset
from grouped;
