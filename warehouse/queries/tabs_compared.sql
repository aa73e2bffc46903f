-- Which tab of a page is looked at, for how long, and which one is switched to?
--
-- A tab is a view whose identity says `tab`, as those of page C of the demonstration. By default all of
-- them are compared; `--views` takes some. Of the pageviews that began in the period; what they followed is
-- known if it began up to a day before.
--
-- view_name: Dotted name of the tab's view.
-- tab: What its identity says.
-- pageviews: How often it was looked at.
-- sessions: In how many sessions.
-- mean: Seconds of engagement a pageview, on average.
-- median: Seconds that half of the pageviews did not exceed.
-- p90: Seconds that nine of ten pageviews did not exceed.
-- percent_of_time: Of the seconds of all the tabs compared.
-- switched_to: How many of the pageviews followed one of another tab compared, in the same tab of the browser.
with left_out as (
    select session_id
    from tracking_session
    join browser_agent using (browser_agent)
    where case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
),

-- Materialized, so that JSON is read once for each pageview.
told as materialized (
    select
        pageview_id,
        session_id,
        view_name,
        identity ->> '$.tab' as tab,
        engagement_time,
        started_at,
        previous_pageview_id
    from pageview
    anti join left_out using (session_id)
    where
        started_at >= $since - interval 1 day
        and started_at < $until
        and contains(identity::varchar, '"tab"')
        and ($views::varchar[] is null or list_contains($views::varchar[], view_name))
),

looked as (
    from told where tab is not null
),

switched as (
    select here.view_name, here.tab, count(*) as times
    from looked as here
    join looked as before on before.pageview_id = here.previous_pageview_id
    where
        here.started_at >= $since
        and (here.view_name, here.tab) is distinct from (before.view_name, before.tab)
    group by all
),

measured as (
    select
        view_name,
        tab,
        count(*) as pageviews,
        count(distinct session_id) as sessions,
        sum(engagement_time) as total,
        quantile_cont(engagement_time, [0.5, 0.9]) as quantiles
    from looked
    where started_at >= $since
    group by all
)

select
    view_name,
    tab,
    pageviews,
    sessions,
    round(total / pageviews, 3) as mean,
    round(quantiles[1], 3) as median,
    round(quantiles[2], 3) as p90,
    round(100 * total / nullif(sum(total) over (), 0), 2) as percent_of_time,
    coalesce(switched.times, 0) as switched_to
from measured
left join switched using (view_name, tab)
order by view_name, tab;
