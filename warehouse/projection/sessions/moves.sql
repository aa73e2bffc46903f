-- Pageviews that were renamed may have gone from one session to another.
update tracking_session
set pageviews = tracking_session.pageviews + moved.pageviews
from (
    select session_id, sum(step)::integer as pageviews
    from (
        select session_id, 1 as step from renamed_pageview
        union all
        select former_session_id, -1 from renamed_pageview
    )
    group by session_id
    having sum(step) <> 0
) as moved
where tracking_session.session_id = moved.session_id;
