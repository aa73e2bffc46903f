-- When the first session of all began of each of these visitors who has one before a moment.
select hash(visitor_id) as visitor, epoch_ms(min(started_at)) as first_at
from warehouse.main.tracking_session
where started_at < $since and visitor_id in (select unnest($visitors::uuid[]))
group by visitor_id;
