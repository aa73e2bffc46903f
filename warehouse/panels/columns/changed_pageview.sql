-- The same in numbers, with a hash of 64 bits in place of each text and id; 0 is none.
select
    hash(session_id) as session,
    view_name,
    hash(identity::varchar) as page,
    hash(referrer) as referrer,
    round(1000 * engagement_time)::bigint as ms,
    epoch_ms(started_at) as started,
    last_seq::integer as last_seq,
    facts::integer as facts,
    end_seen,
    hash(pageview_id) as id,
    case when previous_pageview_id is null then 0 else hash(previous_pageview_id) end::ubigint as previous,
    coalesce(previous_seq, 0)::integer as previous_seq,
    started_at >= $since as is_late
from pageview;
