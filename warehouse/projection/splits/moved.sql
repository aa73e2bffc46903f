-- Pageviews went from one session to another.
insert into unsettled_session
select session_id, null, null from renamed_pageview
union
select former_session_id, null, null from renamed_pageview;
