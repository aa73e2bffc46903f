-- Which pages do visitors look at, and for how long?
--
-- The hundred paths that were looked at most. A path is what the page's identity says, without a query.
--
-- path: The path; empty if the identity says none.
-- pageviews: How often it was looked at.
-- visitors: How many different visitors did.
-- median (s): Seconds of engagement that half of the pageviews did not exceed.
-- mean (s): Seconds a pageview, on average.
-- total (s): Seconds of all its pageviews together.
with path_of as (
    select page, path, dense_rank() over (order by path)::integer as path_number
    from known_page
),

often as (
    select path_number, any_value(path) as path, count(*) as pageviews, sum(seconds) as total
    from selected
    join path_of using (page)
    where chosen
    group by path_number
    order by pageviews desc, path
    limit 100
),

measured as (
    select
        path_number,
        different(visitor) as visitors,
        quantile_cont(seconds, 0.5) as median
    from selected
    join path_of using (page)
    where chosen and path_number in (select path_number from often)
    group by path_number
)

select
    path,
    pageviews,
    visitors,
    round(median, 3) as median,
    round(total / pageviews, 3) as mean,
    round(total, 3) as total
from often
join measured using (path_number)
order by pageviews desc, path;
