-- An erasure took pageviews.
insert into unsettled_session
select session_id, null, null from forgotten_session
union
select session_id, null, null from forgotten_pageview;
