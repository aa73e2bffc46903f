-- Rows with a trace of the forgotten go. A mixed one is built anew from the facts that stay, which
-- are read again for that, or else, if some of these facts are gone from the log and other visitors
-- have a part in the row, it stays, and the forgotten visitor's id is taken out of it.
create or replace temp table gone_session as
select session_id
from forgotten_session
where
    mixed
    and visitors <> []
    and session_id in (
        select session_id from trace join log_start using (partition)
        where trace.first_offset < log_start.oldest
    );

create or replace temp table gone_pageview as
select pageview_id
from forgotten_pageview
where
    mixed
    and visitors <> []
    and pageview_id in (
        select pageview_id from trace join log_start using (partition)
        where trace.first_offset < log_start.oldest
    );

-- Others' pageviews need not be built anew if their session is not.
delete from forgotten_pageview
where not traced and session_id in (select session_id from gone_session);

update pageview
set
    visitor_id = left_over.visitors[1],
    other_visitor_ids = nullif(left_over.visitors[2:], [])
from (select * from forgotten_pageview semi join gone_pageview using (pageview_id)) as left_over
where pageview.pageview_id = left_over.pageview_id;

update tracking_session
set
    visitor_id = left_over.visitors[1],
    other_visitor_ids = nullif(left_over.visitors[2:], [])
from (select * from forgotten_session semi join gone_session using (session_id)) as left_over
where tracking_session.session_id = left_over.session_id;

delete from forgotten_pageview where pageview_id in (from gone_pageview);

delete from forgotten_session where session_id in (from gone_session);

delete from visibility_change
where pageview_id in (select pageview_id from forgotten_pageview);

delete from pageview
where pageview_id in (select pageview_id from forgotten_pageview);

delete from tracking_session
where session_id in (select session_id from forgotten_session);

update tracking_session
set pageviews = tracking_session.pageviews - gone.pageviews
from (
    select session_id, count(*) as pageviews from forgotten_pageview group by session_id
) as gone
where tracking_session.session_id = gone.session_id;
