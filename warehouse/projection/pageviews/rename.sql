update pageview
set
    session_id = renamed.session_id,
    view_name = renamed.view_name,
    identity = renamed.identity,
    previous_pageview_id = renamed.previous_pageview_id,
    referrer = renamed.referrer,
    visitor_id = renamed.visitor_id,
    other_visitor_ids = renamed.other_visitor_ids,
    first_seq = renamed.first_seq,
    first_received_at = renamed.first_received_at,
    previous_seq = renamed.previous_seq
from renamed_pageview as renamed
where pageview.rowid = renamed.row_id;

insert into stray
select pageview_id, first_received_at
from renamed_pageview
where is_stray(pageview_id, first_received_at);
