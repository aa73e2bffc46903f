-- A pageview belongs to the session that its first fact names.
create or replace temp table going_pageview as
select pageview_id, started_at, last_received_at
from pageview
semi join going_session using (session_id)
where first_received_at between going_since() and going_until();
