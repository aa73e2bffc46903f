-- Whom another shard was told to forget, and this one was not, or not for so long.
select told.visitor_id::varchar as visitor_id, epoch_ms(told.received_at) as received_at
from sibling.erasure as told
left join erasure as known using (visitor_id)
where known.received_at is null or told.received_at > known.received_at;
