-- How are the seconds of each view distributed?
--
-- A histogram for each view, with a row for every class, also for those that nobody fell into.
--
-- view_name: Dotted name of the view.
-- at_least (s): Seconds of engagement with which the class begins.
-- below (s): Seconds before which it ends; null for the last one.
-- pageviews: How many pageviews of the view fell into it.
-- percent (%): Of the pageviews of the view.
with by_second as (
    select view_number, floor(seconds)::integer as second, count(*) as pageviews
    from selected
    where chosen
    group by all
),

class as (
    select at_least, lead(at_least) over (order by at_least) as below
    from unnest([0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]) as bounds (at_least)
),

fallen as (
    select view_number, max(at_least) as at_least, any_value(pageviews) as pageviews
    from by_second
    join class on second >= at_least
    group by view_number, second
),

counted as (
    select view_number, at_least, sum(pageviews)::bigint as pageviews
    from fallen
    group by all
)

select
    view_name,
    at_least,
    below,
    coalesce(pageviews, 0) as pageviews,
    round(100 * coalesce(pageviews, 0) / sum(pageviews) over (partition by view_name), 2) as percent
from (select distinct view_number from by_second)
cross join class
left join counted using (view_number, at_least)
join known_view using (view_number)
order by view_name, at_least;
