update warehouse.pageview
set
    started_at = met.started_at,
    last_seen_at = met.last_seen_at,
    engagement_time = met.engagement_time,
    last_seq = met.last_seq,
    last_received_at = met.last_received_at,
    last_offset = met.last_offset
from met_pageview as met
where pageview.rowid = met.row_id and met.plain;
