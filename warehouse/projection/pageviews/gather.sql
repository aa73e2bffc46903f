-- Pageviews: those of the batch, merged with the rows that are there already.
create or replace temp table batch_pageview as from merged_pageviews('pageview_of_fact');

create or replace temp table known_pageview as
select pageview.*
from warehouse.pageview
semi join batch_pageview using (pageview_id);

create or replace temp table renamed_pageview as from known_pageview limit 0;
