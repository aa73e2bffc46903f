create or replace temp view pageview_to_merge as
from known_pageview
union all
select batch_pageview.* from batch_pageview semi join known_pageview using (pageview_id);

create or replace temp table merged_pageview as from merged_pageviews('pageview_to_merge');

update warehouse.pageview
set
    engagement_time = merged.engagement_time,
    started_at = merged.started_at,
    last_seen_at = merged.last_seen_at,
    last_seq = merged.last_seq,
    last_received_at = merged.last_received_at,
    partition = merged.partition,
    first_offset = merged.first_offset,
    last_partition = merged.last_partition,
    last_offset = merged.last_offset
from merged_pageview as merged
where pageview.pageview_id = merged.pageview_id;

-- A fact before the first one known changes what the row says of the page. That is rare, and these
-- columns are dear to rewrite.
create or replace temp table renamed_pageview as
select merged.*
from merged_pageview as merged
join known_pageview as known using (pageview_id)
where
    merged.first_seq <> known.first_seq
    or merged.first_received_at <> known.first_received_at
    or merged.session_id <> known.session_id
    or merged.view_name <> known.view_name
    or merged.identity::varchar <> known.identity::varchar
    or merged.previous_pageview_id is distinct from known.previous_pageview_id
    or merged.referrer <> known.referrer
    or merged.visitor_id <> known.visitor_id
    or merged.other_visitor_ids is distinct from known.other_visitor_ids;
