create or replace temp view change_to_merge as
select columns(known.* exclude (row_id))
from known_change as known
union all
from batch_change semi join known_change using (pageview_id, seq);

create or replace temp table merged_change as from merged_changes('change_to_merge');

update visibility_change
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
join known_change as known using (pageview_id, seq)
where visibility_change.rowid = known.row_id;

insert into visibility_change
from batch_change anti join known_change using (pageview_id, seq);
