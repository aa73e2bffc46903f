insert into warehouse.pageview from new_pageview;
