-- Of the sessions that are looked at, those that can have pageviews in the period. Their numbers are
-- their rowids.
create table current_session as
select
    session_id,
    known_visitor.rowid::integer as visitor,
    agent,
    started_at,
    last_seen_at
from known_session
join known_visitor using (visitor)
where last_seen_at >= $since;
