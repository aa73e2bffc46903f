select
    concat(partition, ':', "offset") as letter,
    received_at,
    reason,
    octet_length(payload) as bytes,
    detail
from dead_letter
where
    ($reason is null or reason = $reason)
    and ($since is null or received_at >= $since)
order by dead_letter.received_at desc, partition desc, "offset" desc
limit $limit;
