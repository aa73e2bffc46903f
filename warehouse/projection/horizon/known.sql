-- A session that was within the horizon until a fact came that began before it.
create or replace temp table going_session as
select session_id, first_received_at, last_received_at, last_seen_at
from tracking_session
semi join late_session using (session_id);
