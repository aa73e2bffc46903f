select visitor_id, max(received_at) as received_at
from erasure
where list_contains($visitors::uuid[], visitor_id)
group by visitor_id;
