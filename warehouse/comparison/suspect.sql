-- The buckets that are not the same on both sides, dealt out to passes of so many rows: what is compared
-- row by row in one pass fits into memory.
create or replace temp table suspect as
with unlike as (
    select bucket, rows_in_a + rows_in_b as rows
    from digest
    where rows_in_a <> rows_in_b or content_of_a <> content_of_b
)

select bucket, ((sum(rows) over (order by bucket) - rows) // $rows_a_pass)::integer as pass
from unlike;
