select distinct
    coalesce(bucket_of(epoch_ms(first_received_at)), -1) as since,
    coalesce(bucket_of(epoch_ms(last_received_at)) + 1, -1) as until
from unsettled_session;
