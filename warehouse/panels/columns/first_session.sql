-- When the first session of all began of each of these visitors who has one before a moment.
select hash(visitor_id) as visitor, epoch_ms(min(started_at)) as first_at
from tracking_session
where started_at < $since and hash(visitor_id) in (select visitor from known_session)
group by visitor_id;
