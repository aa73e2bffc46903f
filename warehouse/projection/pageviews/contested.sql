-- What is not plain goes through the merge functions: the rows that are there, and every fact.
create or replace temp table known_contested_pageview as
select pageview.rowid as row_id, pageview.*
from pageview
join met_pageview as met on pageview.rowid = met.row_id
where not met.plain;

create or replace temp view contested_pageview as
select columns(known.* exclude (row_id))
from known_contested_pageview as known
union all
select
    pageview_id, session_id, view_name, identity, engagement_time, started_at,
    occurred_at as last_seen_at, seq as last_seq, previous_pageview_id, referrer, visitor_id,
    null::uuid[] as other_visitor_ids, seq as first_seq, received_at as first_received_at,
    received_at as last_received_at, partition, "offset" as first_offset,
    partition as last_partition, "offset" as last_offset, previous_seq, 0 as facts,
    visibility = 'hidden' as end_seen
from fact
semi join (
    select pageview_id from known_contested_pageview
    union all
    select pageview_id from batch_pageview anti join met_pageview using (pageview_id)
    where not single
) as contested_key using (pageview_id);

create or replace temp table merged_pageview as
select merged.* replace ((merged.facts + batch_pageview.facts)::integer as facts)
from merged_pageviews('contested_pageview') as merged
join batch_pageview using (pageview_id);

insert into new_pageview
select merged.*
from merged_pageview as merged
anti join known_contested_pageview using (pageview_id);

update pageview
set
    engagement_time = merged.engagement_time,
    started_at = merged.started_at,
    last_seen_at = merged.last_seen_at,
    last_seq = merged.last_seq,
    last_received_at = merged.last_received_at,
    partition = merged.partition,
    first_offset = merged.first_offset,
    last_partition = merged.last_partition,
    last_offset = merged.last_offset,
    facts = merged.facts,
    end_seen = merged.end_seen
from merged_pageview as merged
join known_contested_pageview as known using (pageview_id)
where pageview.rowid = known.row_id;

-- A fact before the first one known changes what the row says of the page. That is rare, and these
-- columns are dear to rewrite.
create or replace temp table renamed_pageview as
select known.row_id, known.session_id as former_session_id, merged.*
from merged_pageview as merged
join known_contested_pageview as known using (pageview_id)
where
    merged.first_seq <> known.first_seq
    or merged.first_received_at <> known.first_received_at
    or merged.session_id <> known.session_id
    or merged.view_name <> known.view_name
    or merged.identity::varchar <> known.identity::varchar
    or merged.previous_pageview_id is distinct from known.previous_pageview_id
    or merged.previous_seq is distinct from known.previous_seq
    or merged.referrer <> known.referrer
    or merged.visitor_id <> known.visitor_id
    or merged.other_visitor_ids is distinct from known.other_visitor_ids;
