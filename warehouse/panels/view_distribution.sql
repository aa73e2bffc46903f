-- How are the seconds of each view distributed?
--
-- A histogram for each view, with a row for every class, also for those that nobody fell into.
--
-- view_name: Dotted name of the view.
-- at_least (s): Seconds of engagement with which the class begins.
-- below (s): Seconds before which it ends; null for the last one.
-- pageviews: How many pageviews of the view fell into it.
-- percent (%): Of the pageviews of the view.
with class as (
    select at_least, lead(at_least) over (order by at_least) as below
    from unnest([0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]) as bounds (at_least)
),

fallen as (
    select
        view_number,
        case
            when seconds < 1 then 0
            when seconds < 2 then 1
            when seconds < 5 then 2
            when seconds < 10 then 5
            when seconds < 20 then 10
            when seconds < 30 then 20
            when seconds < 60 then 30
            when seconds < 120 then 60
            when seconds < 300 then 120
            when seconds < 600 then 300
            when seconds < 1800 then 600
            else 1800
        end as at_least
    from selected
    where chosen
),

counted as (
    select view_number, at_least, count(*) as pageviews
    from fallen
    group by all
)

select
    view_name,
    at_least,
    below,
    coalesce(pageviews, 0) as pageviews,
    round(100 * coalesce(pageviews, 0) / sum(pageviews) over (partition by view_name), 2) as percent
from (select distinct view_number from counted)
cross join class
left join counted using (view_number, at_least)
join known_view using (view_number)
order by view_name, at_least;
