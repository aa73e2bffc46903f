-- How long do visitors look at each view?
--
-- The mean is pulled up by a few tabs left open; median and p90 say what is usual and what is long.
-- Quantiles are exact. Of the pageviews that began in the period.
--
-- view_name: Dotted name of the view.
-- pageviews: How often it was looked at.
-- mean: Seconds of engagement a pageview, on average.
-- median: Seconds that half of the pageviews did not exceed.
-- p90: Seconds that nine of ten pageviews did not exceed.
-- total: Seconds of all its pageviews together.
with left_out as (
    select session_id
    from tracking_session
    join browser_agent using (browser_agent)
    where case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
),

measured as (
    select
        view_name,
        count(*) as pageviews,
        sum(engagement_time) as total,
        quantile_cont(engagement_time, [0.5, 0.9]) as quantiles
    from pageview
    anti join left_out using (session_id)
    where
        started_at >= $since
        and started_at < $until
        and ($view is null or view_name = $view)
    group by view_name
)

select
    view_name,
    pageviews,
    round(total / pageviews, 3) as mean,
    round(quantiles[1], 3) as median,
    round(quantiles[2], 3) as p90,
    round(total, 3) as total
from measured
order by pageviews desc, view_name;
