-- When in the week do visitors come?
--
-- By the clocks of the time zone; hours in which nobody came too.
--
-- weekday: From 1, Monday, to 7.
-- hour: From 0 to 23.
-- sessions: How many sessions began in it.
with counted as (
    select weekday, hour, count(*) as sessions
    from selected_session
    join clock using (quarter)
    group by all
)

select weekday::integer as weekday, hour::integer as hour, coalesce(sessions, 0) as sessions
from range(1, 8) as weekdays (weekday)
cross join range(24) as hours (hour)
left join counted using (weekday, hour)
order by weekday, hour;
