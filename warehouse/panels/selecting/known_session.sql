-- The sessions that are looked at and can have pageviews in one of the periods. A visitor is a hash of 64 bits, which takes half of what an id does: that two of a million
-- share one is as likely as one in forty million.
create table known_session as
with session as (
    select session_id, visitor_id, agent, started_at, last_seen_at
    from tracking_session
    join browser_agent using (browser_agent)
    where last_seen_at >= $before and started_at < $until
),

first_session as (
    select visitor_id, min(started_at) as first_at
    from tracking_session
    where $visitors <> 'all' and visitor_id in (select visitor_id from session)
    group by visitor_id
)

select session_id, hash(visitor_id) as visitor, agent, started_at, last_seen_at
from session
left join first_session using (visitor_id)
where
    case $visitors
        when 'all' then true
        else
            (first_at >= case when started_at >= $since then $since else $before end)
            = ($visitors = 'new')
    end;
