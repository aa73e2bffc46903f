insert into visibility_change
select
    pageview_id, seq, visibility, occurred_at, engagement_time, received_at, received_at, partition,
    "offset", partition, "offset"
from fact;
