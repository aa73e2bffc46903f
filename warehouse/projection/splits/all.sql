create or replace temp view long_pageview as
select pageview_id, session_id, started_at, last_seen_at
from pageview
semi join (
    select session_id
    from tracking_session
    where pageviews > 1 and last_seen_at - started_at > session_timeout()
) as long_session using (session_id);

delete from session_split;

insert into session_split
from splits_of('long_pageview');

delete from unsettled_session;

drop view long_pageview;
