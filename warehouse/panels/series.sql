-- How does it go up and down?
--
-- By hour if the period is two days at most, by day up to 26 weeks, else by week; empty ones too. What
-- is counted where is told under totals; the rows of the period before come last, and those of the same
-- number belong together.
--
-- earlier: Whether it is in the period before.
-- bucket: Which hour, day or week of its period, from 0.
-- begins_at (time): When it begins; the first one begins with the period.
-- local: The same by the clocks of the time zone, as 2026-03-01T00:00.
-- visitors: How many different visitors began a session in it.
-- sessions: How many sessions began.
-- pageviews: How many pageviews began.
-- median (s): Seconds that half of the pageviews did not exceed; null if there were none.
-- total (s): Seconds of all pageviews together.
with placed as (
    select false as earlier, bucket, seconds
    from selected
    join clock on clock.quarter = epoch_ms(started_at) // 900000
    where chosen
    union all
    select true, bucket_before, seconds
    from earlier
    join clock using (quarter)
),

looked as (
    select
        earlier,
        bucket,
        count(*) as pageviews,
        sum(seconds) as total,
        quantile_cont(seconds, 0.5) as median
    from placed
    group by earlier, bucket
),

came as (
    select false as earlier, bucket, different(visitor) as visitors, count(*) as sessions
    from selected_session
    join clock using (quarter)
    group by bucket
    union all
    select true, bucket_before, count(distinct visitor), count(*)
    from earlier_session
    join clock using (quarter)
    group by bucket_before
)

select
    earlier,
    bucket,
    begins_at,
    local,
    coalesce(visitors, 0) as visitors,
    coalesce(sessions, 0) as sessions,
    coalesce(pageviews, 0) as pageviews,
    round(median, 3) as median,
    round(coalesce(total, 0), 3) as total
from bucket
left join looked using (earlier, bucket)
left join came using (earlier, bucket)
order by earlier, bucket;
