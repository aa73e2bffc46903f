-- A fact is received after its pageview began.
delete from visibility_change
where
    first_received_at between telling_since() and telling_until()
    and pageview_id in (select pageview_id from going_pageview);

delete from pageview
where
    first_received_at between going_since() and going_until()
    and pageview_id in (select pageview_id from going_pageview);

delete from tracking_session
where
    first_received_at between going_since() and going_until()
    and session_id in (select session_id from going_session);
