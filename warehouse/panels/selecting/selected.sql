-- The pageviews of the period, and those that began after it of sessions that began in it: `chosen` are
-- those of the period, and if a view or a path is selected those of them alone.
create table selected as
select
    pageview_id,
    known_session.rowid::integer as session,
    visitor,
    agent,
    view_number,
    page,
    referrer_number,
    pageview.engagement_time as seconds,
    pageview.started_at,
    pageview.started_at < $until
    and ($view is null or view_name = $view)
    and ($path is null or path = $path) as chosen,
    last_seq,
    facts,
    end_seen
from pageview
join known_session using (session_id)
join known_view using (view_name)
join known_page on known_page.identity = pageview.identity::varchar
join known_referrer using (referrer)
where
    pageview.started_at >= $since
    and pageview.started_at <= $ended
    and (pageview.started_at < $until or known_session.started_at >= $since);
