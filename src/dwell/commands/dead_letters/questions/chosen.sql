-- One letter for each record: the same bytes may have been set aside more than once.
with chosen as (
    select (partition, "offset") as letter, payload
    from dead_letter
    where
        ($reason is null or reason = $reason)
        and ($letters is null or list_contains($letters, concat(partition, ':', "offset")))
)

select concat(partition, ':', "offset") as letter, payload
from dead_letter
where (partition, "offset") in (select min(letter) from chosen group by md5_number(payload))
order by partition, "offset";
