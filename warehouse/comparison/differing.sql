-- The keys whose rows are not the same on both sides, among those of a pass. A key should have one row
-- at most on each.
insert into differing
with row_of_either as (
    select _key, 1 as in_a, 0 as in_b, _content::hugeint as content
    from a_row
    where hash(_key) % 65536 in (select bucket from suspect where pass = $pass)
    union all
    select _key, 0, 1, -(_content::hugeint)
    from b_row
    where hash(_key) % 65536 in (select bucket from suspect where pass = $pass)
)

select _key, sum(in_a), sum(in_b), $pass
from row_of_either
group by _key
having sum(in_a) <> sum(in_b) or sum(content) <> 0;
