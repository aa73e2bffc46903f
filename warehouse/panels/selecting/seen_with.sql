-- What was seen with each browser, each system and each kind of device: `part` says which of them.
create table seen_with as
with looked as (
    select browser, system, device, count(*) as pageviews, quantile_cont(seconds, 0.5) as median
    from selected
    join browser_agent using (agent)
    where chosen
    group by grouping sets (browser, system, device)
),

came as (
    select browser, system, device, different(visitor) as visitors, count(*) as sessions
    from selected_session
    join browser_agent using (agent)
    group by grouping sets (browser, system, device)
)

select
    case
        when looked.browser is not null then 'browser'
        when looked.system is not null then 'system'
        else 'device'
    end as part,
    coalesce(looked.browser, looked.system, looked.device) as name,
    coalesce(visitors, 0) as visitors,
    coalesce(sessions, 0) as sessions,
    pageviews,
    round(median, 3) as median
from looked
left join came
    on came.browser is not distinct from looked.browser
    and came.system is not distinct from looked.system
    and came.device is not distinct from looked.device;
