-- Where do visitors go from each view, in the same tab?
--
-- From the pageviews that began in the period to those that followed them, whenever that was. A page
-- that was only reloaded is followed by itself; what nothing followed was the last in its tab.
--
-- view_name: Dotted name of the view.
-- next_view_name: The view that followed it in the same tab of the browser; null if none did.
-- times: How often.
-- percent: Of all times of this view, also those that nothing followed.
with left_out as (
    select session_id
    from tracking_session
    join browser_agent using (browser_agent)
    where case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
),

here as (
    select pageview_id, view_name
    from pageview
    anti join left_out using (session_id)
    where
        started_at >= $since
        and started_at < $until
        and ($view is null or view_name = $view)
),

-- The beginnings of two pageviews are told by different facts, hence the day before.
following as (
    select previous_pageview_id as pageview_id, view_name as next_view_name
    from pageview
    where previous_pageview_id is not null and started_at >= $since - interval 1 day
),

counted as (
    select view_name, next_view_name, count(*) as times
    from here
    left join following using (pageview_id)
    group by all
)

select
    view_name,
    next_view_name,
    times,
    round(100 * times / sum(times) over (partition by view_name), 2) as percent
from counted
order by view_name, times desc, next_view_name nulls last;
