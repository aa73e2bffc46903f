-- What can be selected, with how many pageviews of the period have it, the most first.
--
-- name: view, path, browser, system or device.
-- value: One that can be selected.
with choice as (
    select 'view' as name, view_name as value, count(*) as pageviews
    from selected
    join known_view using (view_number)
    where chosen
    group by view_name
    union all
    select 'path', path, count(*)
    from selected
    join known_page using (page)
    where chosen
    group by path
    union all
    select unnest(['browser', 'system', 'device']), unnest([browser, system, device]), pageviews
    from (select agent, count(*) as pageviews from selected where chosen group by agent)
    join browser_agent using (agent)
),

ranked as (
    select name, value, sum(pageviews) as pageviews
    from choice
    where value <> ''
    group by name, value
    qualify row_number() over (partition by name order by sum(pageviews) desc, value) <= 200
)

select name, value
from ranked
order by name, pageviews desc, value;
