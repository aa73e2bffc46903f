-- Visibility changes. One of them can only be there already if its pageview was, with a position as
-- great; and then it was written between that pageview's first and last record, a narrow range of a
-- table that lies in the log's order. So hardly a batch looks far back.
create or replace temp table batch_change as from merged_changes('change_of_fact');

create or replace temp table suspect_change as
select batch_change.pageview_id, batch_change.seq
from batch_change
join known_pageview using (pageview_id)
where batch_change.seq <= known_pageview.last_seq;
