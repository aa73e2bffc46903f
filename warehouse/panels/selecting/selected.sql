-- The pageviews of the period, and those that began after it of sessions that began in it: `chosen` are
-- those of the period, and if a view or a path is selected those of them alone.
create table selected as
with session as (
    select rowid::integer as session, session_id, visitor, agent, started_at >= $since as began
    from current_session
)

select
    pageview_id,
    session,
    visitor,
    agent,
    began,
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
join session using (session_id)
join known_view using (view_name)
join known_page on known_page.identity = pageview.identity::varchar
join known_referrer using (referrer)
where
    pageview.started_at >= $since
    and pageview.started_at <= $ended
    and (pageview.started_at < $until or began);
