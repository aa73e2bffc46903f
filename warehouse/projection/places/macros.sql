-- When an id was minted, by the browser's clock, in milliseconds since 1970.
create or replace temp macro minted_ms(id) as epoch_ms(uuid_extract_timestamp(id));

-- Whether a row's id was minted by a clock that is not near the collector's: more than two minutes,
-- the length of a bucket, from when the row's first fact was received.
create or replace temp macro is_stray(id, first_received_at) as
    abs(minted_ms(id) - epoch_ms(first_received_at)) > 120000;

create or replace temp macro bucket_of(milliseconds) as milliseconds // 120000;

-- The rows of the batch's keys that are there already, as far as their first facts were received in
-- a range, merged with the batch. (The tables lie in the order of the log, so DuckDB reads no more
-- of them than that range.) A row is `plain` if merging comes to a few least and greatest values, as
-- it nearly always does: no fact of the batch can be the row's first one, and there is one visitor
-- and one partition. The others are merged by the merge functions.
create or replace temp macro met_pageviews(batch_rows, since_ms, until_ms) as table
select
    pageview_id,
    known.rowid as row_id,
    least(batch.started_at, known.started_at) as started_at,
    greatest(batch.last_seen_at, known.last_seen_at) as last_seen_at,
    greatest(batch.engagement_time, known.engagement_time) as engagement_time,
    greatest(batch.last_fact, last_fact(known.last_seq, known.end_seen)) as last_fact,
    (known.facts + batch.facts)::integer as facts,
    greatest(batch.last_received_at, known.last_received_at) as last_received_at,
    greatest(offset_of(batch.last_record), known.last_offset) as last_offset,
    known.first_offset as known_first_offset,
    known.last_offset as known_last_offset,
    known.partition = known.last_partition as in_one_partition,
    batch.single
    and batch.first_seq > known.first_seq
    and batch.visitor_id = known.visitor_id
    and known.other_visitor_ids is null
    and batch.first_record > record_id(known.partition, known.first_offset)
    and partition_of(batch.last_record) = known.last_partition as plain,
    -- A visibility change can only be there already if its pageview was, with a position as great.
    batch.repeated or batch.first_seq <= known.last_seq as suspect
from query_table(batch_rows) as batch
join pageview as known using (pageview_id)
where
    known.first_received_at >= make_timestamp_ms(since_ms)
    and known.first_received_at < make_timestamp_ms(until_ms);

create or replace temp macro met_sessions(batch_rows, since_ms, until_ms) as table
select
    session_id,
    known.rowid as row_id,
    least(batch.started_at, known.started_at) as started_at,
    greatest(batch.last_seen_at, known.last_seen_at) as last_seen_at,
    known.pageviews,
    greatest(batch.last_received_at, known.last_received_at) as last_received_at,
    greatest(offset_of(batch.last_record), known.last_offset) as last_offset,
    batch.single
    and batch.first_received_at > known.first_received_at
    and batch.visitor_id = known.visitor_id
    and known.other_visitor_ids is null
    and batch.first_record > record_id(known.partition, known.first_offset)
    and partition_of(batch.last_record) = known.last_partition as plain
from query_table(batch_rows) as batch
join tracking_session as known using (session_id)
where
    known.first_received_at >= make_timestamp_ms(since_ms)
    and known.first_received_at < make_timestamp_ms(until_ms);
