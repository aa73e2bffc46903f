-- The sessions that can have pageviews in one of the periods. Their numbers are their rowids. A visitor
-- is a hash of 64 bits, which takes half of what an id does: that two of a million share one is as likely
-- as one in forty million.
create table known_session as
select
    session_id,
    hash(visitor_id) as visitor,
    agent,
    started_at,
    last_seen_at,
    started_at >= $before and started_at < $before_until as began_before,
    (epoch_ms(started_at) // 900000)::integer as quarter
from warehouse.main.tracking_session
join known_agent using (browser_agent)
where last_seen_at >= $before and started_at < $until;
