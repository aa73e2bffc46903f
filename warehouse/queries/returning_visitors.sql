-- How many visitors are new, and how many have come back?
--
-- By hour, day, week or month in the time zone of the business (`--by`, `--timezone`). A visitor is the
-- long-lasting cookie: whoever keeps none, or has removed it, is new each time. Of the visitors whose
-- sessions began in the period; whether they were there before is looked for in all the past. When clocks
-- go back, the two hours of one name are one.
--
-- period: When the hour, day, week or month began, in that time zone.
-- visitors: How many different visitors came.
-- new_visitors: How many of them had their first session in it.
-- returning_visitors: How many had one before it.
-- percent_returning: Of the visitors.
with came as (
    select visitor_id, time_bucket(interval 15 minutes, started_at) as quarter
    from tracking_session
    join browser_agent using (browser_agent)
    where
        started_at >= $since
        and started_at < $until
        and case $bots when 'exclude' then not is_bot when 'only' then is_bot else true end
),

-- The clocks of a zone are looked up once for each quarter of an hour, not for each session.
local as (
    select quarter, date_trunc($by, quarter at time zone 'UTC' at time zone $timezone)::timestamp as period
    from (select distinct quarter from came)
),

visitor as (
    select visitor_id, period from came join local using (quarter) group by all
),

first_visit as (
    select visitor_id, min(period) as period from visitor group by visitor_id
),

known_before as (
    select visitor_id
    from tracking_session
    semi join first_visit using (visitor_id)
    where started_at < $since
),

counted as (
    select period, count(*) as visitors
    from visitor
    group by period
),

-- Who is new in the period came first in one of its hours, days, weeks or months.
counted_new as (
    select period, count(*) as new_visitors
    from first_visit
    anti join known_before using (visitor_id)
    group by period
)

select
    period,
    visitors,
    coalesce(new_visitors, 0) as new_visitors,
    visitors - coalesce(new_visitors, 0) as returning_visitors,
    round(100 * (visitors - coalesce(new_visitors, 0)) / visitors, 2) as percent_returning
from counted
left join counted_new using (period)
order by period;
