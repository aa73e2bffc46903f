select letter
from (select unnest($letters) as letter)
anti join (
    select concat(partition, ':', "offset") as letter
    from dead_letter
    where $reason is null or reason = $reason
) using (letter);
