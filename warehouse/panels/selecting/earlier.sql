-- The chosen pageviews of the period before. If none but robots are left out, or none but people, it is
-- cheaper to leave out those few.
create table earlier as
with looked as (
    select session_id, view_name, identity, engagement_time as seconds, started_at
    from pageview
    where started_at >= $before and started_at < $before_until
),

session as (
    select rowid::integer as session, session_id
    from known_session
    where started_at < $before_until
),

left_out as (
    select session_id
    from tracking_session
    join warehouse.main.browser_agent using (browser_agent)
    where
        last_seen_at >= $before
        and started_at < $before_until
        and case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
),

chosen as (
    select null as session, seconds, started_at
    from looked
    anti join left_out using (session_id)
    where
        $view is null and $path is null and $browser is null and $system is null
        and $device is null and $visitors = 'all'
    union all
    select session, seconds, looked.started_at
    from looked
    join session using (session_id)
    where
        not (
            $view is null and $path is null and $browser is null and $system is null
            and $device is null and $visitors = 'all'
        )
        and ($view is null or view_name = $view)
        and ($path is null or coalesce(identity ->> '$.path', '') = $path)
)

select session, seconds, (epoch_ms(started_at) // 900000)::integer as quarter
from chosen;
