-- The pageviews and sessions whose ids were minted by a clock that is far from the collector's. It
-- may list more than there are: a row that is gone or has a new first fact does no harm here.
create or replace temp table stray as
select pageview_id as id, first_received_at
from pageview
where is_stray(pageview_id, first_received_at)
union all
select session_id, first_received_at
from tracking_session
where is_stray(session_id, first_received_at);
