-- No facts but those that the rows themselves name.
create or replace temp table changed as
select _key, null::struct(partition integer, "offset" bigint)[] as facts_in_a, facts_in_a as facts_in_b
from shown
limit 0;
