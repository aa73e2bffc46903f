-- The pageviews that were seen since a moment.
select
    hash(session.visitor_id) as visitor,
    hash(session_id) as session,
    view_name,
    coalesce(identity ->> '$.path', '') as path,
    browser,
    system,
    device,
    is_bot,
    epoch_us(pageview.started_at) as started,
    epoch_us(pageview.last_seen_at) as seen
from pageview
join tracking_session as session using (session_id)
join browser_agent using (browser_agent)
where pageview.last_seen_at >= $since and session.last_seen_at >= $since
limit $most;
