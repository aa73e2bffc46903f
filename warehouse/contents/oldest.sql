select partition, min(first_offset) as oldest
from visibility_change
group by partition;
