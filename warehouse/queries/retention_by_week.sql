-- Of the visitors who were new in a week, how many came back in each week after it?
--
-- Weeks begin on Monday, in the time zone of the business. The period says in which weeks the visitors
-- were new: the one that `--since` lies in is the first. A visitor is the long-lasting cookie: whoever
-- keeps none, or has removed it, is new each time. The week in which the period ends is not over.
--
-- week: The Monday of the week in which they were new.
-- visitors: How many were new in it.
-- weeks_later: How many weeks after it; 0 is the same week.
-- returned: How many of them had a session in that week.
-- percent: Of those who were new.
--
-- default since: 12w
with week_of as (
    select
        date_trunc('week', $since::timestamp at time zone 'UTC' at time zone $timezone)::timestamp as first_week,
        first_week at time zone $timezone at time zone 'UTC' as begins_at,
        date_trunc('week', $until at time zone 'UTC' at time zone $timezone - interval 1 microsecond)
            as last_week
),

came as (
    select visitor_id, time_bucket(interval 15 minutes, started_at) as quarter
    from tracking_session
    join browser_agent using (browser_agent)
    where
        started_at >= (select begins_at from week_of)
        and started_at < $until
        and case $bots when 'exclude' then not is_bot when 'only' then is_bot else true end
),

-- The clocks of a zone are looked up once for each quarter of an hour, not for each session.
local as (
    select quarter, date_trunc('week', quarter at time zone 'UTC' at time zone $timezone)::timestamp as week
    from (select distinct quarter from came)
),

visitor as (
    select visitor_id, week from came join local using (quarter) group by all
),

known_before as (
    select visitor_id
    from tracking_session
    semi join visitor using (visitor_id)
    where started_at < (select begins_at from week_of)
),

new_visitor as (
    select visitor_id, min(week) as week
    from visitor
    anti join known_before using (visitor_id)
    group by visitor_id
),

returned as (
    select new_visitor.week, visitor.week as week_of_visit, count(*) as visitors
    from visitor
    join new_visitor using (visitor_id)
    group by all
),

cell as (
    select
        week,
        visitors,
        unnest(generate_series(week, (select last_week from week_of), interval 7 days))
            as week_of_visit
    from returned
    where week = week_of_visit
)

select
    cell.week::date as week,
    cell.visitors,
    date_diff('week', cell.week, cell.week_of_visit) as weeks_later,
    coalesce(returned.visitors, 0) as returned,
    round(100 * coalesce(returned.visitors, 0) / cell.visitors, 2) as percent
from cell
left join returned using (week, week_of_visit)
order by cell.week, weeks_later;
