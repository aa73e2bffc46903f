-- The oldest sessions beyond what is due, as many as go at once.
select count(*), max(started_at)
from (
    select started_at
    from tracking_session
    where started_at < $1
    order by started_at
    limit $2
);
