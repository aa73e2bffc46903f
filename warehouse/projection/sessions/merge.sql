create or replace temp view session_to_merge as
from known_session
union all
select batch_session.* from batch_session semi join known_session using (session_id);

create or replace temp table merged_session as from merged_sessions('session_to_merge');

update warehouse.tracking_session
set
    started_at = merged.started_at,
    last_seen_at = merged.last_seen_at,
    last_received_at = merged.last_received_at,
    partition = merged.partition,
    first_offset = merged.first_offset,
    last_partition = merged.last_partition,
    last_offset = merged.last_offset
from merged_session as merged
where tracking_session.session_id = merged.session_id;

create or replace temp table renamed_session as
select merged.*
from merged_session as merged
join known_session as known using (session_id)
where
    merged.first_received_at <> known.first_received_at
    or merged.first_pageview_id <> known.first_pageview_id
    or merged.first_seq <> known.first_seq
    or merged.visitor_id <> known.visitor_id
    or merged.browser_agent <> known.browser_agent
    or merged.other_visitor_ids is distinct from known.other_visitor_ids;
