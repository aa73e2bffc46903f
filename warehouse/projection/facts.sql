-- The types that the tables are made of. What is of another version is the judge's, who lifts it.
create or replace temp macro is_current(type) as
    type in ('dwell.page.viewed.v1', 'dwell.page.visibility_changed.v1');

-- Whether a text that the reader made cannot be that of a number (NaN is one for DuckDB), a boolean, an
-- array or an object.
create or replace temp macro was_text(value) as
    (value >= 'A' or starts_with(value, '/'))
    and value not between '[' and '\'
    and value not between '{' and '|'
    and lower(value) not in ('true', 'false', 'nan', 'inf', 'infinity');

-- Records become facts. What the strict reader does not take whole, or what breaks a bound, is left out
-- here and goes to the judge, who says why or reads it after all; what the judge has read comes back as
-- `judged` and is believed.
create or replace temp macro accepted(parsed) as table
with unpacked as (
    select partition, "offset", judged, record.specversion, record.type, record.data as data
    from query_table(parsed)
)

select
    partition,
    "offset",
    type,
    data.pageview_id as pageview_id,
    data.seq::integer as seq,
    data.session_id as session_id,
    data.view as view_name,
    data.identity as identity,
    data.previous_pageview_id as previous_pageview_id,
    data.previous_seq::integer as previous_seq,
    data.referrer as referrer,
    data.visibility as visibility,
    data.engagement_ms::bigint as engagement_ms,
    data.age_ms::bigint as age_ms,
    data.delay_ms::bigint as delay_ms,
    data.visitor_id as visitor_id,
    data.browser_agent as browser_agent,
    data.received_at::bigint as received_at
from unpacked
where
    (judged and data is not null)
    or coalesce(
        specversion = '1.0'
        and case type
            when 'dwell.page.viewed.v1' then data.seq = 0
            when 'dwell.page.visibility_changed.v1' then data.seq between 1 and 1000000
            else false
        end
        and data.seq = floor(data.seq)
        and data.engagement_ms = floor(data.engagement_ms)
        and data.age_ms = floor(data.age_ms)
        and data.delay_ms = floor(data.delay_ms)
        and data.received_at = floor(data.received_at)
        and data.engagement_ms between 0 and least(34560000000, data.age_ms + 1000)
        and data.age_ms between 0 and 34560000000
        and data.delay_ms between 0 and 3153600000000
        and data.received_at between 0 and 253402300799999
        and coalesce(data.previous_seq, 0) = floor(coalesce(data.previous_seq, 0))
        and coalesce(data.previous_seq, 0) between 0 and 1000000
        and data.visibility in ('visible', 'hidden')
        and was_text(data.view)
        and length(data.view) between 1 and 200
        and length(data.referrer) <= 2048
        and starts_with(data.identity::varchar, '{')
        and strlen(data.identity::varchar) <= 2048
        and not contains(data.identity::varchar, '\u')
        and not contains(data.identity::varchar, 'NaN')
        and not contains(data.identity::varchar, 'Infinity')
        and not contains(data.view, chr(0))
        and not contains(data.referrer, chr(0))
        and uuid_extract_version(data.pageview_id) = 7
        and uuid_extract_version(data.session_id) = 7
        and (uuid_extract_version(data.previous_pageview_id) = 7) is not false
        and data.visitor_id is not null
        and data.browser_agent is not null,
        false
    );

-- A record as the strict reader takes it, who raises an error if it is anything else.
create or replace temp macro event_of(value) as
    from_json_strict(value, '{
        "specversion": "VARCHAR",
        "type": "VARCHAR",
        "data": {
            "pageview_id": "UUID",
            "seq": "DOUBLE",
            "session_id": "UUID",
            "view": "VARCHAR",
            "identity": "JSON",
            "previous_pageview_id": "UUID",
            "previous_seq": "DOUBLE",
            "referrer": "VARCHAR",
            "visibility": "VARCHAR",
            "engagement_ms": "DOUBLE",
            "age_ms": "DOUBLE",
            "delay_ms": "DOUBLE",
            "visitor_id": "UUID",
            "browser_agent": "VARCHAR",
            "received_at": "DOUBLE"
        }
    }');

create or replace temp macro stated_facts(records) as table
with parsed as (
    select partition, "offset", judged, try(event_of(value)) as record
    from query_table(records)
)

from accepted('parsed');

-- The same where each record is a fact, as nearly always: an error that is not looked for costs less.
create or replace temp macro sure_facts(records) as table
with parsed as (
    select partition, "offset", judged, event_of(value) as record
    from query_table(records)
)

from accepted('parsed');

-- The same of records from before there was `previous_seq`: the reader is strict about what is missing
-- too. (They are told by a text without its first quotation mark, as the search would stop at each.)
create or replace temp macro former_stated_facts(records) as table
with parsed as (
    select
        partition,
        "offset",
        judged,
        try(from_json_strict(value, '{
            "specversion": "VARCHAR",
            "type": "VARCHAR",
            "data": {
                "pageview_id": "UUID",
                "seq": "DOUBLE",
                "session_id": "UUID",
                "view": "VARCHAR",
                "identity": "JSON",
                "previous_pageview_id": "UUID",
                "referrer": "VARCHAR",
                "visibility": "VARCHAR",
                "engagement_ms": "DOUBLE",
                "age_ms": "DOUBLE",
                "delay_ms": "DOUBLE",
                "visitor_id": "UUID",
                "browser_agent": "VARCHAR",
                "received_at": "DOUBLE"
            }
        }')) as record
    from query_table(records)
    where contains(value, 'previous_pageview_id":') and not contains(value, 'previous_seq":')
),

lifted as (
    select
        partition,
        "offset",
        judged,
        struct_update(record, data := struct_insert(record.data, previous_seq := null::double)) as record
    from parsed
)

from accepted('lifted');

-- Facts as they were stated, each with the times that its clocks give.
create or replace temp macro timed(stated) as table
select
    partition,
    "offset",
    record_id(partition, "offset") as record,
    pageview_id,
    seq,
    session_id,
    view_name,
    identity,
    previous_pageview_id,
    previous_seq,
    referrer,
    visibility,
    engagement_ms / 1000 as engagement_time,
    make_timestamp_ms(received_at - delay_ms - age_ms) as started_at,
    make_timestamp_ms(received_at - delay_ms) as occurred_at,
    make_timestamp_ms(received_at) as received_at,
    visitor_id,
    browser_agent
from query_table(stated);

create or replace temp macro facts_of(records) as table
with stated as (
    from stated_facts(records)
)

from timed('stated');

create or replace temp macro former_facts_of(records) as table
with stated as (
    from former_stated_facts(records)
)

from timed('stated');
