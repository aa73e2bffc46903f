-- The pageviews of the period, and those that began after it of sessions that began in it. Their numbers
-- are their rowids.
create table known_pageview as
with session as (
    select
        rowid::integer as session,
        session_id,
        visitor_number as visitor,
        agent,
        began
    from current_session
)

select
    pageview_id,
    session,
    visitor,
    agent,
    began,
    view_number,
    page,
    referrer_number,
    pageview.engagement_time as seconds,
    pageview.started_at,
    pageview.started_at < $until as in_period,
    last_seq,
    facts,
    end_seen
from pageview
join session using (session_id)
join known_view using (view_name)
join known_page on known_page.identity = pageview.identity::varchar
join known_referrer using (referrer)
where
    pageview.started_at >= $since
    and pageview.started_at <= $ended
    and (in_period or began);
