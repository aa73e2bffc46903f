-- The facts of the batch by pageview and by session: what is the least or the greatest is had
-- cheaply here, and what only the first fact says is looked up for new rows alone.
-- A pageview is `repeated` if two of its facts have one position (or if it has two beyond the 63rd,
-- which does no harm). It is `single` if that is not its first position, so that it is plain which of
-- its facts is first, and all of them name one visitor; if not, the merge functions say what it is.
create or replace temp table batch_pageview as
select
    pageview_id,
    min(started_at) as started_at,
    max(occurred_at) as last_seen_at,
    max(engagement_time) as engagement_time,
    min(seq) as first_seq,
    max(last_fact(seq, visibility = 'hidden')) as last_fact,
    count(*) as facts,
    max(received_at) as last_received_at,
    min(record) as first_record,
    max(record) as last_record,
    min(visitor_id) as visitor_id,
    arg_min(record, seq) as first_fact,
    bit_count(bit_or(1::ubigint << least(seq, 63))) < facts as repeated,
    (case when min(seq) = 0 then count(*) filter (seq = 0) = 1 else not repeated end)
    and min(visitor_id) = max(visitor_id) as single
from fact
group by pageview_id;

create or replace temp table batch_session as
select
    session_id,
    min(started_at) as started_at,
    max(occurred_at) as last_seen_at,
    min(received_at) as first_received_at,
    max(received_at) as last_received_at,
    min(record) as first_record,
    max(record) as last_record,
    min(visitor_id) as visitor_id,
    min(visitor_id) = max(visitor_id) as single
from fact
group by session_id;
