-- With which view do sessions begin, and with which do they end?
--
-- Of the sessions that began in the period, with all of their pageviews. A session ends with the
-- pageview that began last.
--
-- view_name: Dotted name of the view.
-- entries: How many sessions began with it.
-- exits: How many sessions ended with it.
-- bounces: How many began with it and had no other pageview.
-- percent_of_entries: Percent of all sessions that began with it.
-- percent_of_exits: Percent of all sessions that ended with it.
-- percent_bounced: Percent of the sessions that began with it and had no other pageview.
with session as not materialized (
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

numbered_view as (
    select view_name, row_number() over (order by view_name) as view_number
    from (
        select distinct view_name
        from pageview
        where started_at >= $since and started_at <= (select ends_at from period)
    )
),

-- When a pageview began and its view in one number: some times cheaper to compare than two columns.
-- Of two that began in one millisecond, the name decides.
path as (
    select
        session_id,
        min(((epoch_ms(started_at) - epoch_ms($since))::hugeint << 32) + view_number) as first_step,
        max(((epoch_ms(started_at) - epoch_ms($since))::hugeint << 32) + view_number) as last_step,
        count(*) as pageviews
    from pageview
    join numbered_view using (view_name)
    where started_at >= $since and started_at <= (select ends_at from period)
    group by session_id
),

counted as (
    select
        (first_step & 4294967295)::bigint as entry,
        (last_step & 4294967295)::bigint as exit,
        count(*) as sessions,
        count(*) filter (pageviews = 1) as bounces
    from path
    anti join left_out using (session_id)
    group by all
),

by_view as (
    select entry as view_number, sum(sessions) as entries, 0 as exits, sum(bounces) as bounces
    from counted
    group by entry
    union all
    select exit, 0, sum(sessions), 0
    from counted
    group by exit
)

select
    view_name,
    sum(entries)::bigint as entries,
    sum(exits)::bigint as exits,
    sum(bounces)::bigint as bounces,
    round(100 * sum(entries) / sum(sum(entries)) over (), 2) as percent_of_entries,
    round(100 * sum(exits) / sum(sum(exits)) over (), 2) as percent_of_exits,
    round(100 * sum(bounces) / nullif(sum(entries), 0), 2) as percent_bounced
from by_view
join numbered_view using (view_number)
group by view_name
order by entries desc, exits desc, view_name;
