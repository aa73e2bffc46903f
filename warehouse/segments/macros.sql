-- The record of a stated fact, byte by byte as Dwell writes it.
create or replace temp macro record_text(stated) as
    '{"specversion":"1.0","id":"' || stated.pageview_id || ':' || stated.seq
    || '","source":"/dwell","type":"' || stated.type
    || '","time":"'
    || strftime(make_timestamp_ms(stated.received_at - stated.delay_ms), '%Y-%m-%dT%H:%M:%S.%gZ')
    || '","subject":"' || stated.pageview_id
    || '","dataschema":"urn:' || regexp_replace(replace(stated.type, 'dwell.', 'dwell:'), '\.v(\d+)$', ':\1')
    || '","data":{"pageview_id":"' || stated.pageview_id
    || '","seq":' || stated.seq
    || ',"session_id":"' || stated.session_id
    || '","view":' || to_json(stated.view_name)
    || ',"identity":' || stated.identity
    || ',"previous_pageview_id":' || coalesce('"' || stated.previous_pageview_id || '"', 'null')
    || ',"previous_seq":' || coalesce(stated.previous_seq::varchar, 'null')
    || ',"referrer":' || to_json(stated.referrer)
    || ',"visibility":"' || stated.visibility
    || '","engagement_ms":' || stated.engagement_ms
    || ',"age_ms":' || stated.age_ms
    || ',"delay_ms":' || stated.delay_ms
    || ',"visitor_id":"' || stated.visitor_id
    || '","browser_agent":' || to_json(stated.browser_agent)
    || ',"received_at":' || stated.received_at
    || '}}';

-- The columns of a segment. A record that is no fact has its bytes and nothing else.
create or replace temp macro segment_rows(rows) as table
select
    partition::integer as partition,
    "offset"::bigint as "offset",
    "timestamp"::timestamp_ms as "timestamp",
    key::blob as key,
    value::blob as value,
    type::varchar as type,
    pageview_id::uuid as pageview_id,
    seq::integer as seq,
    session_id::uuid as session_id,
    view_name::varchar as view_name,
    identity::varchar as identity,
    previous_pageview_id::uuid as previous_pageview_id,
    previous_seq::integer as previous_seq,
    referrer::varchar as referrer,
    visibility::varchar as visibility,
    engagement_ms::bigint as engagement_ms,
    age_ms::bigint as age_ms,
    delay_ms::bigint as delay_ms,
    visitor_id::uuid as visitor_id,
    browser_agent::varchar as browser_agent,
    received_at::bigint as received_at
from query_table(rows);

-- For a replay: of a fact that was read nobody wants the bytes again.
create or replace temp macro stated_segment(facts) as table
with stated_row as (
    select *, null as "timestamp", null as key, null as value
    from query_table(facts)
)

from segment_rows('stated_row');

-- Rows of segments as the records that they were in the log.
create or replace temp macro as_records(rows) as table
select
    partition,
    "offset",
    type,
    coalesce(epoch_ms("timestamp"), received_at) as received,
    coalesce(key, encode(visitor_id::varchar)) as key,
    coalesce(value, encode(record_text(stated))) as value
from query_table(rows) as stated;

create or replace temp macro whole_records(segment) as table
with segment_row as (
    from read_parquet(segment, hive_partitioning = false)
)

from as_records('segment_row');
