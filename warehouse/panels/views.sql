-- How long do visitors look at each view?
--
-- The mean is pulled up by a few tabs left open; median and p90 say what is usual and what is long.
-- Quantiles are exact.
--
-- view_name: Dotted name of the view.
-- pageviews: How often it was looked at.
-- visitors: How many different visitors did.
-- median (s): Seconds that half of the pageviews did not exceed.
-- mean (s): Seconds a pageview, on average.
-- p90 (s): Seconds that nine of ten pageviews did not exceed.
-- total (s): Seconds of all its pageviews together.
with measured as (
    select
        view_number,
        count(*) as pageviews,
        different(visitor) as visitors,
        sum(seconds) as total,
        quantile_cont(seconds, [0.5, 0.9]) as quantiles
    from selected
    where chosen
    group by view_number
)

select
    view_name,
    pageviews,
    visitors,
    round(quantiles[1], 3) as median,
    round(total / pageviews, 3) as mean,
    round(quantiles[2], 3) as p90,
    round(total, 3) as total
from measured
join known_view using (view_number)
order by pageviews desc, view_name;
