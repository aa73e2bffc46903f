insert into warehouse.pageview
select batch_pageview.* from batch_pageview anti join known_pageview using (pageview_id);
