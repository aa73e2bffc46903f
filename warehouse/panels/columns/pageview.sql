-- The pageviews since a moment, in numbers: of the texts those of the tables `known_…`, of ids a hash of
-- 64 bits, of which 0 is none.
select
    known_session.rowid::integer as session,
    (view_number - 1)::integer as view,
    (page - 1)::integer as page,
    (referrer_number - 1)::integer as referrer,
    round(1000 * engagement_time)::bigint as ms,
    epoch_ms(pageview.started_at) as started,
    last_seq::integer as last_seq,
    facts::integer as facts,
    end_seen,
    hash(pageview_id) as id,
    case when previous_pageview_id is null then 0 else hash(previous_pageview_id) end::ubigint as previous,
    coalesce(previous_seq, 0)::integer as previous_seq
from pageview
join known_session using (session_id)
join known_view using (view_name)
join known_page on known_page.identity = pageview.identity::varchar
join known_referrer using (referrer)
where pageview.started_at >= $since;
