-- A session goes on for as long as one pageview follows another within its time-out, which is taken to be
-- an hour at most: what begins later than that after all that is known of it is another one. Only a session that may go on within the
-- horizon is marked. One that goes on and on is not marked anew with each fact.
create or replace temp table changed_mark as
with gone as (
    select session_id, last_seen_at + interval 1 hour as until from going_session
    union all
    select session_id, date_trunc('hour', last_seen_at) + interval 2 hours from late_session
),

mark as (
    select mark_of(session_id) as mark, max(until) as until
    from gone
    where until >= horizon()
    group by all
)

select mark.mark, mark.until
from mark
left join dropped_session as known using (mark)
where known.until is null or known.until < mark.until;
