-- Sums over all rows that are known in numbers: which they are, and what has changed of them.
select
    pageviews.*,
    sessions.*
from (
    select
        count(*) as pageviews,
        bit_xor(hash(pageview_id)) as pageview,
        sum(epoch_ms(started_at) - epoch_ms($since)) as started,
        sum(round(1000 * engagement_time)::bigint) as ms,
        sum(last_seq) as last_seq,
        sum(facts) as facts,
        count_if(end_seen) as ends
    from warehouse.main.pageview
    where started_at >= $since
) as pageviews
cross join (
    select
        count(*) as sessions,
        bit_xor(hash(session_id)) as session,
        bit_xor(hash(visitor_id)) as visitor,
        sum(epoch_ms(started_at) - epoch_ms($since)) as begun,
        sum(epoch_ms(last_seen_at) - epoch_ms($since)) as seen
    from warehouse.main.tracking_session
    where last_seen_at >= $earlier
) as sessions;
