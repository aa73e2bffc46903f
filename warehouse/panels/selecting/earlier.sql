-- The pageviews of the period before. As only robots are left out, or only people, it is cheaper to leave
-- out those few than to look for all others.
create table earlier as
with left_out as (
    select session_id
    from known_session
    join known_agent using (agent)
    where
        started_at < $before_until
        and case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
)

select
    null::integer as session_before,
    engagement_time as seconds,
    (epoch_ms(started_at) // 900000)::integer as quarter
from pageview
anti join left_out using (session_id)
where started_at >= $before and started_at < $before_until;
