-- How many rows each side has, and the sum of the hashes of their contents, in each of 65,536 buckets
-- of keys: whatever the order of the rows, equal sides have equal buckets.
create or replace temp table digest as
with of_a as (
    select hash(_key) % 65536 as bucket, count(*) as rows, sum(_content) as content
    from a_row
    group by bucket
),

of_b as (
    select hash(_key) % 65536 as bucket, count(*) as rows, sum(_content) as content
    from b_row
    group by bucket
)

select
    bucket,
    coalesce(of_a.rows, 0) as rows_in_a,
    coalesce(of_b.rows, 0) as rows_in_b,
    coalesce(of_a.content, 0) as content_of_a,
    coalesce(of_b.content, 0) as content_of_b
from of_a
full join of_b using (bucket);

select
    coalesce(sum(rows_in_a), 0)::bigint,
    coalesce(sum(rows_in_b), 0)::bigint,
    (coalesce(sum(content_of_a), 0) % 18446744073709551616)::ubigint,
    (coalesce(sum(content_of_b), 0) % 18446744073709551616)::ubigint,
    coalesce(bool_and(rows_in_a = rows_in_b and content_of_a = content_of_b), true)
from digest;
