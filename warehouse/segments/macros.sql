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

-- The records that are written. One whose payload was erased has nothing left to keep.
create or replace temp view record as
from given_record where octet_length(value) > 0;

-- For a replay: of a fact that was read nobody wants the bytes again.
create or replace temp macro stated_segment(facts) as table
with stated_row as (
    select *, null as "timestamp", null as key, null as value
    from query_table(facts)
)

from segment_rows('stated_row');

create or replace temp macro mixed_segment(facts) as table
with stated_row as (
    select *, null as "timestamp", null as key, null as value
    from query_table(facts)
    union all by name
    select record.*
    from record anti join query_table(facts) using (partition, "offset")
)

from segment_rows('stated_row')
order by partition, "offset";

-- For the archive: every record, so that its bytes can be had again. Those of a fact are left out
-- where its columns say them all.
create or replace temp macro whole_segment(facts) as table
with paired as (
    select
        record.partition,
        record."offset",
        record."timestamp",
        record.key,
        record.value,
        coalesce(
            encode(record_text(stated)) = record.value
            and encode(stated.visitor_id::varchar) = record.key
            and make_timestamp_ms(stated.received_at) = record."timestamp",
            false
        ) as told,
        stated.* exclude (partition, "offset")
    from record
    left join query_table(facts) as stated using (partition, "offset")
),

whole_row as (
    select
        paired.* replace (
            case when not told then "timestamp" end as "timestamp",
            case when not told then key end as key,
            case when not told then value end as value
        )
    from paired
)

from segment_rows('whole_row')
order by partition, "offset";

-- Records of a segment as they were in the log.
create or replace temp macro whole_records(segment) as table
select
    "offset",
    coalesce(epoch_ms("timestamp"), received_at) as received,
    coalesce(key, encode(visitor_id::varchar)) as key,
    coalesce(value, encode(record_text(stated))) as value
from read_parquet(segment) as stated;
