-- Since when the mixed rows that went and that have facts in several partitions have some, in
-- milliseconds: which is the first of them in the further partitions, the tables do not say for sure.
select epoch_ms(min(started_at))
from (
    select started_at from forgotten_session where mixed and partition <> last_partition
    union all
    select started_at from forgotten_pageview where mixed and partition <> last_partition
)
having count(*) > 0;
