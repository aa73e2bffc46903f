-- How far each side has read the log, where they have not come as far as each other.
select partition, of_a.next_offset, of_b.next_offset
from a.main.log_offset as of_a
full join b.main.log_offset as of_b using (partition)
where of_a.next_offset is distinct from of_b.next_offset
order by partition;
