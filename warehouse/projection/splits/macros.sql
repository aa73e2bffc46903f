-- The pageviews, of whole sessions, that belong to a later part of theirs, and to which: a part begins
-- with a pageview that began longer after all earlier ones were last seen than the time-out.
create or replace temp macro splits_of(pageviews) as table
with seen as (
    select
        session_id,
        pageview_id,
        started_at,
        max(last_seen_at) over earlier as last_seen_at
    from query_table(pageviews)
    window earlier as (
        partition by session_id order by started_at, pageview_id
        rows between unbounded preceding and 1 preceding
    )
),

begun as (
    select *, case when started_at - last_seen_at > session_timeout() then pageview_id end as begins
    from seen
),

part as (
    select pageview_id, session_id, last_value(begins ignore nulls) over so_far as part_id
    from begun
    window so_far as (
        partition by session_id order by started_at, pageview_id
        rows between unbounded preceding and current row
    )
)

select pageview_id, session_id, part_id
from part
where part_id is not null;

-- The sessions that are to be split anew, and when the first facts of their pageviews were received;
-- null where that is not known.
create or replace temp table unsettled_session (
    session_id uuid, first_received_at timestamp, last_received_at timestamp
);
