-- The records that are written. One whose payload was erased has nothing left to keep.
create or replace temp view record as
from given_record where octet_length(value) > 0;

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

-- For a replay, from records that must all be facts.
create or replace temp macro segment_at_sight(records) as table
with stated_row as (
    select *, null as "timestamp", null as key, null as value
    from sure_facts(records)
)

from segment_rows('stated_row');
