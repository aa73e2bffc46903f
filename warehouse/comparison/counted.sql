-- How many keys differ, and how.
select
    count(*) filter (rows_in_b = 0),
    count(*) filter (rows_in_a = 0),
    count(*) filter (rows_in_a > 0 and rows_in_b > 0),
    count(*) filter (rows_in_a > 1 or rows_in_b > 1)
from differing;
