-- What is said of the tables does not hold of the views in everything.
comment on view tracking_session is 'One row for each session: a browser session or, if a gap between its pageviews was longer than the session time-out of the rules, each part of it. All times are UTC.';
comment on column tracking_session.session_id is 'The first part of a session has the id that the browser minted, a later part the id of its first pageview.';
comment on column tracking_session.visitor_id is 'The visitor of the browser session: the value of the long-lasting cookie dwell_visitor.';
comment on column tracking_session.other_visitor_ids is 'Further visitors whose facts name the browser session, ascending; null if there are none, as nearly always.';
comment on column tracking_session.first_received_at is 'When its first fact was received, in UTC.';
comment on column tracking_session.first_pageview_id is 'The pageview of the fact that gives visitor and agent of the browser session.';
comment on column tracking_session.first_seq is 'The position of the fact that gives visitor and agent of the browser session.';
comment on column pageview.session_id is 'The tracking_session it belongs to by the rules; browser.pageview has the one that the browser named.';
comment on column pageview.engagement_time is 'Seconds in which the page was at least partly visible, in a foreground tab of a window that was not minimised; at most as many as the rules let count, browser.pageview has all of them.';
comment on column visibility_change.engagement_time is 'Seconds visible from the start of the pageview to this moment; at most as many as the rules let count, browser.visibility_change has all of them.';
comment on column pageview_ledger.session_id is 'The tracking_session it belongs to by the rules.';
comment on column pageview_ledger.engagement_time is 'Seconds in which the page was visible, at least: what the facts that arrived say, at most as many as the rules let count.';
comment on column pageview_ledger.engagement_time_at_most is 'Seconds at most, if nothing behind the latest fact was lost: engagement_time if the end was seen, else one second beyond the next checkpoint, which would have arrived, but no more than the rules let count. Null if the tail is known to be lost: then there is no bound.';
