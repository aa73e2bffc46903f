-- What is not known in numbers of some sessions that began in a stretch of time.
select
    hash(session_id) as id,
    session_id::varchar as session_id,
    started_at,
    last_seen_at
from tracking_session
where
    started_at >= make_timestamp_ms($first)
    and started_at <= make_timestamp_ms($last)
    and hash(session_id) in (select unnest($ids::ubigint[]));
