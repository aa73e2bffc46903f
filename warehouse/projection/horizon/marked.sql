-- The sessions that another shard has marked just now.
create or replace temp table late_session (session_id uuid, last_seen_at timestamp);

create or replace temp table going_session as
select session_id, first_received_at, last_received_at, last_seen_at
from tracking_session
where
    started_at <= (select max(until) from changed_mark)
    and mark_of(session_id) in (select mark from changed_mark);
