select count(*)
from dead_letter
where
    ($reason is null or reason = $reason)
    and ($since is null or received_at >= $since);
