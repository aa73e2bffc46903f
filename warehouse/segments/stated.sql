-- For a replay: the facts as they were stated, and whole what is none. The bytes of a fact that was
-- read are not wanted again.
create or replace temp macro segment_of(stated, letters) as table
select
    partition,
    "offset",
    null::timestamp_ms as "timestamp",
    null::blob as key,
    null::blob as value,
    columns(* exclude (partition, "offset")) 
from query_table(stated)
