create or replace temp table known_change as
select visibility_change.rowid as row_id, visibility_change.*
from visibility_change
semi join batch_change using (pageview_id, seq)
where first_offset between ? and ?;
