-- The chosen pageviews of the period before.
create table earlier as
select
    known_session.rowid::integer as session,
    pageview.engagement_time as seconds,
    (epoch_ms(pageview.started_at) // 900000)::integer as quarter
from pageview
join known_session using (session_id)
where
    pageview.started_at >= $before
    and pageview.started_at < $before_until
    and ($view is null or view_name = $view)
    and ($path is null or coalesce(identity ->> '$.path', '') = $path);
