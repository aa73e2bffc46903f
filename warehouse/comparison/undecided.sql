-- Nothing differs yet.
create or replace temp table differing as
select _key, 0::bigint as rows_in_a, 0::bigint as rows_in_b, 0 as pass
from a_row
limit 0;
