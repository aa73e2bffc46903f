-- Dead letters that name a forgotten visitor, by key or payload, and are not later than the erasure.
create or replace temp table forgotten_letter as
with named as (
    select
        partition,
        "offset",
        received_at,
        unnest(regexp_extract_all(
            lower(concat(key::varchar, ' ', payload::varchar)),
            '[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}'
        )) as visitor_id
    from examined_letter
)

select distinct named.partition, named."offset"
from named
join erasure on erasure.visitor_id = named.visitor_id::uuid
where named.received_at <= erasure.received_at;

delete from dead_letter using forgotten_letter
where
    dead_letter.partition = forgotten_letter.partition
    and dead_letter."offset" = forgotten_letter."offset";
