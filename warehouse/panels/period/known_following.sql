-- The pageviews that followed a known one in the same tab, whenever that was, and how many facts of the
-- one before they tell of that never came. The beginnings of two pageviews are told by different facts,
-- hence the day before.
create table known_following as
with later as (
    select previous_pageview_id, previous_seq, view_name
    from pageview
    where previous_pageview_id is not null and started_at >= $since - interval 1 day
)

select
    known_pageview.rowid::integer as pageview,
    agent,
    known_pageview.view_number,
    in_period,
    known_view.view_number as next_view_number,
    greatest(previous_seq - last_seq, 0) as facts_lost
from known_pageview
join later on later.previous_pageview_id = known_pageview.pageview_id
join known_view using (view_name);
