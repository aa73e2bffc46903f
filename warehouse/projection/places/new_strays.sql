insert into stray
select pageview_id, first_received_at
from begun_pageview
where is_stray(pageview_id, first_received_at)
union all
select session_id, first_received_at
from new_session
where is_stray(session_id, first_received_at);
