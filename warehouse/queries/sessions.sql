-- How many sessions were there, and how long did they last?
--
-- By hour, day, week or month in the time zone of the business (`--by`, `--timezone`). Of the sessions
-- that began in the period, with all of their pageviews. When clocks go back, the two hours of one name
-- are one.
--
-- period: When the hour, day, week or month began, in that time zone.
-- sessions: How many sessions began in it.
-- pageviews: Pageviews a session, on average.
-- percent_single: Percent of the sessions that had one pageview.
-- mean: Seconds of engagement a session, on average: of all its pageviews together.
-- median: Seconds of engagement that half of the sessions did not exceed.
-- p90: Seconds of engagement that nine of ten sessions did not exceed.
-- median_length: Seconds from the beginning of a session to its last sign of life; half did not exceed them.
with session as (
    select
        session_id,
        started_at,
        pageviews,
        epoch_ms(last_seen_at) - epoch_ms(started_at) as length_ms,
        last_seen_at,
        time_bucket(interval 15 minutes, started_at) as quarter
    from tracking_session
    join browser_agent using (browser_agent)
    where
        started_at >= $since
        and started_at < $until
        and case $bots when 'exclude' then not is_bot when 'only' then is_bot else true end
),

-- The clocks of a zone are looked up once for each quarter of an hour, not for each session.
local as (
    select quarter, date_trunc($by, quarter at time zone 'UTC' at time zone $timezone)::timestamp as period
    from (select distinct quarter from session)
),

looked as (
    select session_id, sum(engagement_time) as engagement_time
    from pageview
    where started_at >= $since and started_at <= (select max(last_seen_at) from session)
    group by session_id
),

measured as (
    select
        period,
        count(*) as sessions,
        sum(pageviews) as pageviews,
        count(*) filter (pageviews = 1) as single,
        sum(engagement_time) as total,
        quantile_cont(coalesce(engagement_time, 0), [0.5, 0.9]) as quantiles,
        quantile_cont(length_ms, 0.5) as median_length_ms
    from session
    join local using (quarter)
    left join looked using (session_id)
    group by period
)

select
    period,
    sessions,
    round(pageviews / sessions, 2) as pageviews,
    round(100 * single / sessions, 2) as percent_single,
    round(total / sessions, 3) as mean,
    round(quantiles[1], 3) as median,
    round(quantiles[2], 3) as p90,
    median_length_ms / 1000 as median_length
from measured
order by period;
