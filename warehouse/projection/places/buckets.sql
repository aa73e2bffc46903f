-- Where in the tables the rows of the batch can be, by when their first facts were received, in
-- buckets of two minutes: within two minutes of when the id was minted, or where a stray is known
-- to be.
select 'pageview' as kind, bucket, 1 as around
from (select distinct bucket_of(minted_ms(pageview_id)) as bucket from batch_pageview)
union all
select 'session', bucket, 1
from (select distinct bucket_of(minted_ms(session_id)) as bucket from batch_session)
union all
select 'pageview', bucket, 0
from (
    select distinct bucket_of(epoch_ms(first_received_at)) as bucket
    from stray semi join batch_pageview on batch_pageview.pageview_id = stray.id
)
union all
select 'session', bucket, 0
from (
    select distinct bucket_of(epoch_ms(first_received_at)) as bucket
    from stray semi join batch_session on batch_session.session_id = stray.id
);
