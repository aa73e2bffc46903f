update tracking_session
set
    visitor_id = renamed.visitor_id,
    browser_agent = renamed.browser_agent,
    other_visitor_ids = renamed.other_visitor_ids,
    first_received_at = renamed.first_received_at,
    first_pageview_id = renamed.first_pageview_id,
    first_seq = renamed.first_seq
from renamed_session as renamed
where tracking_session.rowid = renamed.row_id;

insert into stray
select session_id, first_received_at
from renamed_session
where is_stray(session_id, first_received_at);
