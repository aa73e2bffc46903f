-- With which view do sessions begin, and with which do they end?
--
-- Of the sessions that began in the period, with all of their pageviews. A session ends with the
-- pageview that began last.
--
-- view_name: Dotted name of the view.
-- entries: How many sessions began with it.
-- exits: How many sessions ended with it.
-- bounces: How many began with it and had no other pageview.
-- percent_of_entries (%): Of all sessions.
-- percent_of_exits (%): Of all sessions.
-- percent_bounced (%): Of the sessions that began with it.
with counted as (
    select entry, exit, count(*) as sessions, count(*) filter (pageviews = 1) as bounces
    from walk
    group by all
),

by_view as (
    select entry as view_number, sum(sessions) as entries, 0 as exits, sum(bounces) as bounces
    from counted
    group by entry
    union all
    select exit, 0, sum(sessions), 0
    from counted
    group by exit
)

select
    view_name,
    sum(entries)::bigint as entries,
    sum(exits)::bigint as exits,
    sum(bounces)::bigint as bounces,
    round(100 * sum(entries) / sum(sum(entries)) over (), 2) as percent_of_entries,
    round(100 * sum(exits) / sum(sum(exits)) over (), 2) as percent_of_exits,
    round(100 * sum(bounces) / nullif(sum(entries), 0), 2) as percent_bounced
from by_view
join known_view using (view_number)
group by view_name
order by entries desc, exits desc, view_name;
