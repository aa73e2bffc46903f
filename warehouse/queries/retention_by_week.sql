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
        date_trunc('week', $since::timestamp at time zone 'UTC' at time zone $timezone)::timestamp
            at time zone $timezone at time zone 'UTC' as begins_at,
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

span as (
    select min(week) as first_week, date_diff('week', min(week), max(week))::integer + 1 as weeks
    from local
),

-- The weeks in which somebody came, a bit for each: fewer rows to group, and none to join.
numbered as (
    select
        quarter,
        set_bit(repeat('0', weeks)::bit, date_diff('week', first_week, week)::integer, 1) as came_in
    from local
    cross join span
),

visitor as (
    select visitor_id, bit_or(came_in) as came_in
    from came
    join numbered using (quarter)
    group by visitor_id
),

known_before as (
    select visitor_id
    from tracking_session
    semi join visitor using (visitor_id)
    where started_at < (select begins_at from week_of)
),

new_visitors as (
    select came_in, count(*) as visitors
    from visitor
    anti join known_before using (visitor_id)
    group by came_in
),

cohort as (
    select
        first_week,
        first_week + (bit_position('1'::bit, came_in) - 1) * interval 7 days as week,
        came_in,
        visitors
    from new_visitors
    cross join span
),

cell as (
    select
        week,
        unnest(generate_series(week, (select last_week from week_of), interval 7 days))
            as week_of_visit,
        date_diff('week', first_week, week_of_visit)::integer as place,
        visitors,
        case when place < length(came_in) then visitors * get_bit(came_in, place) else 0 end
            as returned
    from cohort
)

select
    week::date as week,
    sum(visitors)::bigint as visitors,
    date_diff('week', week, week_of_visit) as weeks_later,
    sum(returned)::bigint as returned,
    round(100 * sum(returned) / sum(visitors), 2) as percent
from cell
group by cell.week, week_of_visit
order by cell.week, weeks_later;
