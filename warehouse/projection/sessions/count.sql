-- The count of pageviews follows the rows of pageview.
create or replace temp table pageview_count as
with moves as (
    select session_id, 1 as step from batch_pageview anti join known_pageview using (pageview_id)
    union all
    select session_id, 1 from renamed_pageview
    union all
    select known_pageview.session_id, -1
    from known_pageview semi join renamed_pageview using (pageview_id)
)

select session_id, sum(step)::integer as pageviews
from moves
group by session_id
having sum(step) <> 0;

update warehouse.tracking_session
set pageviews = tracking_session.pageviews + pageview_count.pageviews
from pageview_count
where tracking_session.session_id = pageview_count.session_id;
