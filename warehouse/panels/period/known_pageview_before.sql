-- The pageviews of the period before.
create table known_pageview_before as
with session as (
    select rowid::integer as session_before, session_id
    from known_session
    where started_at < $before_until
)

select
    session_before,
    view_number,
    page,
    pageview.engagement_time as seconds,
    (epoch_ms(pageview.started_at) // 900000)::integer as quarter
from pageview
join session using (session_id)
join known_view using (view_name)
join known_page on known_page.identity = pageview.identity::varchar
where pageview.started_at >= $before and pageview.started_at < $before_until;
