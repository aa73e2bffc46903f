-- Sessions that the warehouse has dropped for their age (DWELL_KEEP_ROWS). A session goes whole, so one of
-- which anything is left must be all there. No row began earlier than the truth says.
create temp table dropped_session as
with horizon as (
    select max(moment::timestamp) as horizon
    from (
        select unnest(string_split(value, ', ')) as moment
        from projection_info
        where name = 'horizon'
    )
)

select session
from truth
where
    visitor is not null
    and make_timestamp_ms(started_at) < (select horizon from horizon)
    and session not in (from tracking_session select session_id)
    and session not in (from pageview select session_id)
    and session not in (
        select session
        from truth
        where pageview in (from visibility_change select pageview_id)
    );

delete from truth
where session in (from dropped_session);
