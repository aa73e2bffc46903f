-- The dead letters of a period by their reasons.
select reason, count(*) as letters
from dead_letter
where received_at >= $since and received_at < $until
group by reason;
