update tracking_session
set
    started_at = met.started_at,
    last_seen_at = met.last_seen_at,
    pageviews = met.pageviews + met.new_pageviews,
    last_received_at = met.last_received_at,
    last_offset = met.last_offset
from (
    select met_session.*, coalesce(begun.pageviews, 0) as new_pageviews
    from met_session
    left join (
        select session_id, count(*) as pageviews from begun_pageview group by session_id
    ) as begun using (session_id)
    where met_session.plain
) as met
where tracking_session.rowid = met.row_id;
