create or replace temp table known_change as
with span as (
    select min(first_offset) as first_offset
    from known_pageview
    semi join suspect_change using (pageview_id)
    where partition = last_partition
    having count(*) = (select count(distinct pageview_id) from suspect_change)
)

select visibility_change.*
from warehouse.visibility_change
semi join suspect_change using (pageview_id, seq)
where visibility_change.first_offset >= coalesce((select first_offset from span), 0);

create or replace temp view change_to_merge as
from known_change
union all
select batch_change.* from batch_change semi join known_change using (pageview_id, seq);

create or replace temp table merged_change as from merged_changes('change_to_merge');

update warehouse.visibility_change
set
    visibility = merged.visibility,
    occurred_at = merged.occurred_at,
    engagement_time = merged.engagement_time,
    first_received_at = merged.first_received_at,
    last_received_at = merged.last_received_at,
    partition = merged.partition,
    first_offset = merged.first_offset,
    last_partition = merged.last_partition,
    last_offset = merged.last_offset
from merged_change as merged
where visibility_change.pageview_id = merged.pageview_id and visibility_change.seq = merged.seq;

delete from batch_change using known_change
where batch_change.pageview_id = known_change.pageview_id and batch_change.seq = known_change.seq;
