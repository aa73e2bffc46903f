-- What the dead-letter topic has not got and has not refused, the oldest first: up to so many bytes, and at
-- least one.
with refused as (
    select unnest($partitions::integer[]) as partition, unnest($offsets::bigint[]) as "offset"
),

waiting as (
    select partition, "offset", key, payload, received_at, reason, detail
    from dead_letter
    anti join refused using (partition, "offset")
    where forwarded_at is null and octet_length(payload) <= $largest
    order by partition, "offset"
    limit $most
),

weighed as (
    select *, sum(octet_length(payload)) over (order by partition, "offset") as bytes
    from waiting
)

select partition, "offset", key, payload, epoch_ms(received_at), reason, detail
from weighed
where bytes - octet_length(payload) < $bytes
order by partition, "offset";
