create or replace temp table unsettled_pageview (
    pageview_id uuid, session_id uuid, started_at timestamp, last_seen_at timestamp
);
