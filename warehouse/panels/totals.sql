-- How many came, and how long did they look?
--
-- Two rows: the period, and the one before with the same hours, and the same weekdays if it is of whole
-- weeks. A session counts where it began, a pageview where it began; if a view or a path is selected,
-- pageviews of it alone and the sessions that have one. Seconds are seconds of engagement; the median is
-- exact.
--
-- earlier: Whether it is the period before.
-- visitors: How many different visitors began a session.
-- sessions: How many sessions began.
-- pageviews: How many pageviews began.
-- median (s): Seconds that half of the pageviews did not exceed.
-- total (s): Seconds of all pageviews together.
with looked as (
    select false as earlier, count(*) as pageviews, sum(seconds) as total, quantile_cont(seconds, 0.5) as median
    from selected
    where chosen
    union all
    select true, count(*), sum(seconds), quantile_cont(seconds, 0.5)
    from earlier
),

came as (
    select false as earlier, different(visitor) as visitors, count(*) as sessions
    from selected_session
    union all
    select true, count(distinct visitor), count(*)
    from earlier_session
)

select
    earlier,
    visitors,
    sessions,
    pageviews,
    round(median, 3) as median,
    round(coalesce(total, 0), 3) as total
from looked
join came using (earlier)
order by earlier;
