-- The sessions of the batch that are beyond the horizon, and the facts of the others.
create or replace temp table late_session as
with told_session as (
    select session_id, min(started_at) as started_at, max(occurred_at) as last_seen_at, count(*) as facts
    from fact
    group by session_id
)

select session_id, last_seen_at, facts
from told_session
where started_at < horizon() or mark_of(session_id) in (select mark from dropped_session);

create or replace temp table fact_in_time as
from fact anti join late_session using (session_id);
