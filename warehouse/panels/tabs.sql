-- Which tab of a page is looked at, and for how long?
--
-- A tab is a pageview whose identity says `tab`. Those of one path belong together; a tab that has a path
-- of its own belongs to the path above it. The two hundred that were looked at most.
--
-- page: The path of the page that the tabs belong to.
-- path: The path of the tab.
-- tab: What its identity says.
-- view_name: Dotted name of the tab's view.
-- pageviews: How often it was looked at.
-- sessions: In how many sessions.
-- median (s): Seconds of engagement that half of the pageviews did not exceed.
-- total (s): Seconds of all its pageviews together.
-- percent_of_time (%): Of the seconds of all tabs of the page; of one page alone what `tabs_compared` says.
with tab_of as (
    select page, path, tab, count(distinct tab) over (partition by path) as tabs_of_path
    from known_page
    where tab is not null
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
        any_value(tabs_of_path) as tabs_of_path
    from selected
    join tab_of using (page)
    where chosen
    group by path, tab, view_number
),

belonging as (
    select
        *,
        case when tabs_of_path > 1 then path else regexp_replace(path, '/[^/]*$', '') end as page
    from measured
),

shared as (
    select
        *,
        round(100 * total / nullif(sum(total) over (partition by page), 0), 2) as percent_of_time
    from belonging
    order by pageviews desc, path, tab
    limit 200
)

select
    page,
    path,
    tab,
    view_name,
    pageviews,
    sessions,
    round(median, 3) as median,
    round(total, 3) as total,
    percent_of_time
from shared
join known_view using (view_number)
order by page, path, tab, view_name;
