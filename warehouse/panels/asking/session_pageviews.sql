-- The pageviews of a session, in the order in which they began, each with what its facts told.
with own as (
    select *
    from pageview
    where
        session_id = $session::uuid
        and started_at >= $started_at
        and started_at <= $last_seen_at
),

told as (
    select
        pageview_id,
        list(
            {
                'seq': seq,
                'visibility': visibility,
                'occurred_at': occurred_at,
                'engagement_time': engagement_time
            }
            order by seq
        ) as facts
    from visibility_change
    where
        pageview_id in (select pageview_id from own)
        and occurred_at >= $started_at
        and occurred_at <= $last_seen_at
    group by pageview_id
),

-- Beyond it the rules have no seconds count; of several warehouses in one, the rules may differ.
rule as (
    select max(try_cast(try_cast(value as json) ->> '$.engagement_cap' as double)) as cap
    from projection_info
    where name = 'rules'
)

select
    pageview_id::varchar as pageview_id,
    previous_pageview_id::varchar as previous_pageview_id,
    view_name,
    coalesce(identity ->> '$.path', '') as path,
    coalesce(identity ->> '$.title', '') as title,
    identity ->> '$.tab' as tab,
    referrer,
    started_at,
    last_seen_at,
    engagement_time,
    end_seen,
    rule.cap,
    coalesce(told.facts, []) as facts
from own
left join told using (pageview_id)
cross join rule
order by started_at, view_name;
