-- The sessions of these pageviews, in the order of their numbers.
select
    hash(session_id) as id,
    visitor,
    (agent - 1)::integer as agent,
    epoch_ms(started_at) as started,
    epoch_ms(last_seen_at) as seen
from known_session
order by rowid;
