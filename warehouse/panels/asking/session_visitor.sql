-- The sessions of a visitor that are nearest to one of them, in the order in which they began, each with
-- its number among all that the visitor has, and how many these are.
with numbered as (
    select
        session_id,
        started_at,
        last_seen_at,
        pageviews,
        row_number() over (order by started_at, session_id) as number,
        count(*) over () as sessions
    from tracking_session
    where visitor_id = $visitor_id::uuid
),

near as (
    select numbered.*
    from numbered
    join numbered as this on this.session_id = $session::uuid
    where abs(numbered.number - this.number) <= 10
),

looked as (
    select session_id, sum(engagement_time) as seconds
    from pageview
    where
        session_id in (select session_id from near)
        and started_at >= (select min(started_at) from near)
        and started_at <= (select max(last_seen_at) from near)
    group by session_id
)

select
    session_id::varchar as session_id,
    started_at,
    pageviews,
    round(coalesce(seconds, 0), 3) as seconds,
    number,
    sessions
from near
left join looked using (session_id)
order by number;
