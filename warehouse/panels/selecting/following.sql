-- The pageviews that followed a selected one in the same tab, whenever that was, and how many facts of
-- the one before they tell of that never came. The beginnings of two pageviews are told by different
-- facts, hence the day before.
create table following as
with later as (
    select previous_pageview_id, previous_seq, view_name
    from pageview
    where previous_pageview_id is not null and started_at >= $since - interval 1 day
)

select
    selected.view_number,
    known_view.view_number as next_view_number,
    chosen,
    case when previous_seq > last_seq then pageview_id end as tail_lost,
    previous_seq - last_seq as facts_lost
from selected
join later on later.previous_pageview_id = selected.pageview_id
join known_view using (view_name);
