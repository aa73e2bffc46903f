-- `facts` of a pageview grows by what is new alone.
create or replace temp table recounted_pageview as
with added as (
    select pageview_id, count(*) as facts
    from batch_change
    anti join known_change using (pageview_id, seq)
    group by pageview_id
)

select pageview_id, coalesce(added.facts, 0) as facts
from suspect_pageview
left join added using (pageview_id);

update met_pageview
set facts = (met_pageview.facts - batch_pageview.facts + recounted.facts)::integer
from recounted_pageview as recounted
join batch_pageview using (pageview_id)
where met_pageview.pageview_id = recounted.pageview_id;

update batch_pageview
set facts = recounted.facts
from recounted_pageview as recounted
where batch_pageview.pageview_id = recounted.pageview_id;
