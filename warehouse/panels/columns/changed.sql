-- The pageviews that a fact has come of since the partitions were read up to these offsets, of which none is
-- before the least.
create table pageview as
with known as (
    select
        unnest($partitions::integer[]) as last_partition,
        unnest($offsets::bigint[]) as next_offset
)

select pageview.*
from warehouse.main.pageview as pageview
join known using (last_partition)
where last_offset >= $least and last_offset >= next_offset
limit $most;
