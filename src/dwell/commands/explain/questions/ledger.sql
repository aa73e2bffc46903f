select facts_made, facts_lost, tail_lost, end_seen, engagement_time_at_most
from pageview_ledger_between($started_at::timestamp, $started_at::timestamp + interval 1 microsecond)
where pageview_id = $pageview::uuid;
