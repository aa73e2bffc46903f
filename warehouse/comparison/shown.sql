-- The first of the keys that differ, in their order.
create or replace temp table shown as
select _key
from differing
order by _key
limit $most;
