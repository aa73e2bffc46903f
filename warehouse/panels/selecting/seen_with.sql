-- What was seen with each browser, system or kind of device: `part` says which of them.
create macro seen_with(part) as table
with part_of as (
    select
        agent,
        case part when 'browser' then browser when 'system' then system else device end as name
    from browser_agent
),

looked as (
    select name, count(*) as pageviews, quantile_cont(seconds, 0.5) as median
    from selected
    join part_of using (agent)
    where chosen
    group by name
),

came as (
    select name, count(distinct visitor) as visitors, count(*) as sessions
    from selected_session
    join part_of using (agent)
    group by name
)

select
    name,
    coalesce(visitors, 0) as visitors,
    coalesce(sessions, 0) as sessions,
    pageviews,
    round(median, 3) as median
from looked
left join came using (name);
