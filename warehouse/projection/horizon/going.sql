create or replace temp table going_session as
select session_id, first_received_at, last_received_at, last_seen_at
from tracking_session
where started_at < horizon();

create or replace temp table late_session as
select session_id, last_seen_at from going_session limit 0;
