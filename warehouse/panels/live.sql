-- Who is here now?
--
-- A pageview is looked at from its beginning to its latest sign of life, and a visible page gives one
-- each minute. The period does not matter; whose pageviews of what, as selected, does. New and returning
-- visitors are not told apart.
--
-- part: now, the last five minutes together; view, the same by view; minute, each of the last thirty.
-- begins_at (time): When these minutes begin.
-- view_name: Dotted name of the view, where part is view.
-- visitors: How many different visitors looked at something in them.
-- sessions: In how many sessions.
-- pageviews: How many pageviews were looked at.
with lately as materialized (
    select
        session.visitor_id,
        session_id,
        view_name,
        pageview.started_at,
        pageview.last_seen_at
    from pageview
    join tracking_session as session using (session_id)
    join browser_agent using (browser_agent)
    where
        pageview.last_seen_at >= $now - interval 30 minutes
        and session.last_seen_at >= $now - interval 30 minutes
        and pageview.started_at <= $now
        and ($view is null or view_name = $view)
        and ($path is null or coalesce(identity ->> '$.path', '') = $path)
),

minute as (
    select $now - to_minutes(minutes) as begins_at, begins_at + interval 1 minute as ends_at
    from range(1, 31) as numbers (minutes)
),

counted as (
    select
        1 as place,
        'now' as part,
        $now - interval 5 minutes as begins_at,
        null as view_name,
        count(distinct visitor_id) as visitors,
        count(distinct session_id) as sessions,
        count(*) as pageviews
    from lately
    where last_seen_at >= $now - interval 5 minutes
    union all
    select
        2, 'view', $now - interval 5 minutes, view_name,
        count(distinct visitor_id), count(distinct session_id), count(*)
    from lately
    where last_seen_at >= $now - interval 5 minutes
    group by view_name
    union all
    select
        3, 'minute', begins_at, null,
        count(distinct visitor_id), count(distinct session_id), count(lately.started_at)
    from minute
    left join lately on lately.started_at < ends_at and lately.last_seen_at >= begins_at
    group by begins_at
)

select part, begins_at, view_name, visitors, sessions, pageviews
from counted
order by place, if(part = 'view', -pageviews, 0), begins_at, view_name;
