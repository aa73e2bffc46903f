-- The sessions that can have pageviews in the period. Their numbers are their rowids.
create table current_session as
select
    session_id,
    known_visitor.rowid::integer as visitor_number,
    visitor,
    agent,
    started_at,
    last_seen_at,
    started_at >= $since as began,
    quarter
from known_session
join known_visitor using (visitor)
where last_seen_at >= $since;
