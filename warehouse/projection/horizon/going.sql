create or replace temp table going_session as
select session_id, first_received_at, last_received_at, last_seen_at
from tracking_session
where started_at < $1;
