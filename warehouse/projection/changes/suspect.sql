-- Some visibility changes may be there already, or come twice in the batch. One that is there was
-- written between its pageview's first and last record, a narrow range of a table that lies in the
-- order of the log.
create or replace temp table suspect_pageview as
select pageview_id from batch_pageview where repeated
union
select pageview_id from met_pageview where suspect;

insert into visibility_change
select
    pageview_id, seq, visibility, occurred_at, engagement_time, received_at, received_at, partition,
    "offset", partition, "offset"
from fact
anti join suspect_pageview using (pageview_id);

create or replace temp view suspect_change as
select
    pageview_id, seq, visibility, occurred_at, engagement_time,
    received_at as first_received_at, received_at as last_received_at, partition,
    "offset" as first_offset, partition as last_partition, "offset" as last_offset
from fact
semi join suspect_pageview using (pageview_id);

create or replace temp table batch_change as from merged_changes('suspect_change');
