-- Millions of new rows go straight into the table: to have them in another one before costs as much
-- again. Those that need merging follow. What is new has row ids behind those that were there; so has
-- what was met and renamed, as DuckDB writes a row with a list anew to change that.
create or replace temp table last_known_row as
select coalesce(max(rowid), -1) as row_id from pageview;

insert into pageview from new_pageviews('batch_pageview');

create or replace temp table new_pageview as from new_pageviews('batch_pageview') limit 0;

create or replace temp view begun_pageview as
from pageview
anti join met_pageview using (pageview_id)
where pageview.rowid > (select row_id from last_known_row);
