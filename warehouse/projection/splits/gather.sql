insert into unsettled_pageview
select pageview_id, session_id, started_at, last_seen_at
from pageview
semi join unsettled_session using (session_id)
where first_received_at >= make_timestamp_ms(?) and first_received_at < make_timestamp_ms(?);
