-- The sessions that a fact has come of since then.
with known as (
    select
        unnest($partitions::integer[]) as last_partition,
        unnest($offsets::bigint[]) as next_offset
)

select
    hash(session_id) as id,
    hash(visitor_id) as visitor,
    visitor_id::varchar as visitor_id,
    hash(browser_agent) as agent,
    epoch_ms(started_at) as started,
    epoch_ms(last_seen_at) as seen,
    last_seen_at >= $earlier as is_late
from warehouse.main.tracking_session
join known using (last_partition)
where last_offset >= $least and last_offset >= next_offset
limit $most;
