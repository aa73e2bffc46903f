select partition, next_offset
from log_offset
order by partition;
