-- The sessions beyond the horizon that may go on within it.
create or replace temp table late_session (session_id uuid, last_seen_at timestamp);

create or replace temp table going_session as
select session_id, first_received_at, last_received_at, last_seen_at
from tracking_session
where started_at < horizon() and last_seen_at >= horizon() - interval 1 hour;
