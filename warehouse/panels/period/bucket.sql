-- The hours, days or weeks of both periods, those in which nothing happened too. The first of a period
-- begins with it.
create table bucket as
with placed as (
    select false as earlier, bucket, quarter, $since::timestamp as first_at
    from clock
    where quarter >= epoch_ms($since) // 900000 and quarter::bigint * 900000 < epoch_ms($until)
    union all
    select true, bucket_before, quarter, $before::timestamp
    from clock
    where quarter >= epoch_ms($before) // 900000 and quarter::bigint * 900000 < epoch_ms($before_until)
),

begun as (
    select
        earlier,
        bucket,
        greatest(make_timestamp_ms(min(quarter)::bigint * 900000), any_value(first_at)) as begins_at
    from placed
    group by earlier, bucket
)

select
    earlier,
    bucket,
    begins_at,
    strftime(begins_at at time zone 'UTC' at time zone $timezone, '%Y-%m-%dT%H:%M') as local
from begun;
