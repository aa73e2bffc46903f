-- The keys whose rows are not the same on both sides, looked for in the buckets that are not. A key
-- should have one row at most on each.
create or replace temp table differing as
with suspect as (
    select bucket
    from digest
    where rows_in_a <> rows_in_b or content_of_a <> content_of_b
),

of_a as (
    select _key, count(*) as rows, sum(_content) as content
    from a_row
    where hash(_key) % 65536 in (select bucket from suspect)
    group by _key
),

of_b as (
    select _key, count(*) as rows, sum(_content) as content
    from b_row
    where hash(_key) % 65536 in (select bucket from suspect)
    group by _key
)

select
    _key,
    coalesce(of_a.rows, 0) as rows_in_a,
    coalesce(of_b.rows, 0) as rows_in_b
from of_a
full join of_b using (_key)
where of_a.rows is distinct from of_b.rows or of_a.content is distinct from of_b.content;

select
    count(*) filter (rows_in_b = 0),
    count(*) filter (rows_in_a = 0),
    count(*) filter (rows_in_a > 0 and rows_in_b > 0),
    count(*) filter (rows_in_a > 1 or rows_in_b > 1)
from differing;
