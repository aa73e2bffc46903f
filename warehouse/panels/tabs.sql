-- Which tab of a page is looked at, and for how long?
--
-- A tab is a pageview whose identity says `tab`; those of one path belong together. The two hundred that
-- were looked at most.
--
-- path: The path of the page.
-- tab: What its identity says.
-- view_name: Dotted name of the tab's view.
-- pageviews: How often it was looked at.
-- sessions: In how many sessions.
-- median (s): Seconds of engagement that half of the pageviews did not exceed.
-- total (s): Seconds of all its pageviews together.
-- percent_of_time (%): Of the seconds of all tabs of the path.
with tab_of as (
    select page, path, tab from known_page where tab is not null
),

measured as (
    select
        path,
        tab,
        view_number,
        count(*) as pageviews,
        count(distinct session) as sessions,
        quantile_cont(seconds, 0.5) as median,
        sum(seconds) as total,
        round(100 * sum(seconds) / nullif(sum(sum(seconds)) over (partition by path), 0), 2)
            as percent_of_time
    from selected
    join tab_of using (page)
    where chosen
    group by path, tab, view_number
    order by pageviews desc, path, tab
    limit 200
)

select
    path,
    tab,
    view_name,
    pageviews,
    sessions,
    round(median, 3) as median,
    round(total, 3) as total,
    percent_of_time
from measured
join known_view using (view_number)
order by path, tab, view_name;
