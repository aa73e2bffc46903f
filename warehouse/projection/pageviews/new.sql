create or replace temp table new_pageview as from new_pageviews('batch_pageview');

create or replace temp view begun_pageview as from new_pageview;
