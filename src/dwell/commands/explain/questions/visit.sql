-- Which of its session's pageviews it is, in the order in which they began.
with visit as (
    select pageview_id, row_number() over (order by started_at, pageview_id) as place
    from pageview
    where session_id = $session::uuid
)

select place
from visit
where pageview_id = $pageview::uuid;
