-- How many sessions get through a series of views, one after the other?
--
-- The views are given by `--views first,second,third`. A session has taken a step if a pageview of that
-- view began after the step before it; what it saw in between does not matter. Of the sessions that
-- began in the period.
--
-- step: Which one, from 1.
-- view_name: Dotted name of its view.
-- sessions: How many sessions have come as far.
-- percent_of_first: Of those that took the first step.
-- percent_of_previous: Of those that took the step before.
-- median: Seconds from the step before to this one; half did not exceed them.
--
-- needed: views
with recursive session as not materialized (
    select session_id, started_at, last_seen_at, is_bot
    from tracking_session
    join browser_agent using (browser_agent)
),

period as (
    select max(last_seen_at) as ends_at
    from session
    where
        started_at >= $since
        and started_at < $until
        and case $bots when 'exclude' then not is_bot when 'only' then is_bot else true end
),

-- The others of which pageviews are found in that time: as a rule far fewer than those that count.
left_out as (
    select session_id
    from session
    where
        last_seen_at >= $since
        and started_at <= (select ends_at from period)
        and (
            started_at < $since
            or started_at >= $until
            or case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
        )
),

-- A view has the number of its first step: a number takes less time to compare than a name.
seen as materialized (
    select session_id, list_position($views::varchar[], view_name) as view_number, started_at
    from pageview
    anti join left_out using (session_id)
    where
        list_contains($views::varchar[], view_name)
        and started_at >= $since
        and started_at <= (select ends_at from period)
),

taken as (
    select 1 as step, session_id, min(started_at) as taken_at, null::timestamp as before
    from seen
    where view_number = 1
    group by session_id
    union all
    select taken.step + 1, session_id, min(seen.started_at), taken.taken_at
    from taken
    join seen using (session_id)
    where
        seen.view_number = list_position($views::varchar[], $views[taken.step + 1])
        and seen.started_at > taken.taken_at
    group by taken.step, session_id, taken.taken_at
),

counted as (
    select
        step,
        count(*) as sessions,
        quantile_cont((epoch_ms(taken_at) - epoch_ms(before)) / 1000, 0.5) as median
    from taken
    group by step
)

select
    step,
    $views[step] as view_name,
    coalesce(sessions, 0) as sessions,
    round(100 * coalesce(sessions, 0) / first_value(sessions) over (order by step), 2)
        as percent_of_first,
    round(100 * coalesce(sessions, 0) / lag(sessions) over (order by step), 2)
        as percent_of_previous,
    round(median, 3) as median
from (select unnest(generate_series(1, len($views::varchar[])))::integer as step)
left join counted using (step)
order by step;
