-- One session, whoever it is.
select
    session_id::varchar as session_id,
    visitor_id::varchar as visitor_id,
    started_at,
    last_seen_at,
    pageviews,
    browser,
    system,
    device,
    is_bot
from session_with_agent
where session_id = $session::uuid;
