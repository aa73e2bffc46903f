update pageview
set
    started_at = met.started_at,
    last_seen_at = met.last_seen_at,
    engagement_time = met.engagement_time,
    last_seq = seq_of(met.last_fact),
    last_received_at = met.last_received_at,
    last_offset = met.last_offset,
    facts = met.facts,
    end_seen = is_end(met.last_fact)
from met_pageview as met
where pageview.rowid = met.row_id and met.plain;
