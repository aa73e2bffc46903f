-- Dead letters that name it: facts of it that could not be read.
select partition, "offset", reason
from dead_letter
where contains(lower(try(decode(payload))), $pageview)
order by partition, "offset";
