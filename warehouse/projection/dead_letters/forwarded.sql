update dead_letter
set forwarded_at = forwarded.forwarded_at
from (
    select unnest($partitions) as partition, unnest($offsets) as "offset", $at as forwarded_at
) as forwarded
where
    dead_letter.partition = forwarded.partition
    and dead_letter."offset" = forwarded."offset";
