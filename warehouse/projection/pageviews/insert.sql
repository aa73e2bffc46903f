insert into pageview from new_pageview;
