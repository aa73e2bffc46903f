-- What the clocks of the zone show in each quarter of an hour since 1970 of both periods, and in which
-- bucket it lies if it is one of the period, or one of the period before. Hours are counted, so that the
-- one that comes twice in autumn is two; days and weeks are the calendar's.
create table clock as
with quarter as (
    select
        quarter::integer as quarter,
        make_timestamp_ms(quarter * 900000) at time zone 'UTC' at time zone $timezone as local
    from range(epoch_ms($before) // 900000, epoch_ms($until) // 900000 + 1) as quarters (quarter)
),

first as (
    select
        min(quarter) filter (quarter >= epoch_ms($since) // 900000) as quarter_now,
        min(local) filter (quarter = epoch_ms($since) // 900000) as local_now,
        min(quarter) as quarter_before,
        min(local) filter (quarter = epoch_ms($before) // 900000) as local_before
    from quarter
)

select
    quarter,
    local,
    isodow(local)::utinyint as weekday,
    hour(local)::utinyint as hour,
    case $bucket
        when 'hour' then (quarter - quarter_now + minute(local_now) // 15) // 4
        when 'day' then date_diff('day', local_now::date, local::date)
        else date_diff('week', date_trunc('week', local_now), date_trunc('week', local))
    end::integer as bucket,
    case $bucket
        when 'hour' then (quarter - quarter_before + minute(local_before) // 15) // 4
        when 'day' then date_diff('day', local_before::date, local::date)
        else date_diff('week', date_trunc('week', local_before), date_trunc('week', local))
    end::integer as bucket_before
from quarter
cross join first
order by quarter;
