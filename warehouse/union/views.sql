-- The tables of several shards as one. Nearly every key lives in one shard, whose row is right as it
-- is; only those that cross are merged, with the functions that merged them in each shard. What
-- crosses is told by hashes, which are some times cheaper to count than ids: two ids of one hash are
-- merged for nothing, and each of them stays as it was.
create view shards.crossing_pageview as
select hash(pageview_id) as key
from shards.pageview
group by all
having count(*) > 1;

-- Also the sessions that a crossing pageview names: it is counted in each shard, and belongs to one.
create view shards.crossing_session as
select hash(session_id) as key
from shards.tracking_session
group by all
having count(*) > 1
union
select hash(session_id)
from shards.pageview
semi join shards.crossing_pageview as crossing on hash(pageview_id) = crossing.key;

create view visibility_change as
with row_to_merge as (
    from shards.visibility_change
    semi join shards.crossing_pageview as crossing on hash(pageview_id) = crossing.key
)

from shards.visibility_change
anti join shards.crossing_pageview as crossing on hash(pageview_id) = crossing.key
union all by name
from merged_changes('row_to_merge');

create view pageview as
with row_to_merge as (
    from shards.pageview
    semi join shards.crossing_pageview as crossing on hash(pageview_id) = crossing.key
),

counted as (
    select pageview_id, count(*)::integer as facts
    from visibility_change
    semi join shards.crossing_pageview as crossing on hash(pageview_id) = crossing.key
    group by pageview_id
)

from shards.pageview
anti join shards.crossing_pageview as crossing on hash(pageview_id) = crossing.key
union all by name
select merged.* replace (coalesce(counted.facts, merged.facts) as facts)
from merged_pageviews('row_to_merge') as merged
left join counted using (pageview_id);

create view tracking_session as
with row_to_merge as (
    from shards.tracking_session
    semi join shards.crossing_session as crossing on hash(session_id) = crossing.key
),

counted as (
    select session_id, count(*)::integer as pageviews
    from pageview
    semi join shards.crossing_session as crossing on hash(session_id) = crossing.key
    group by session_id
)

from shards.tracking_session
anti join shards.crossing_session as crossing on hash(session_id) = crossing.key
union all by name
select merged.* replace (coalesce(counted.pageviews, 0) as pageviews)
from merged_sessions('row_to_merge') as merged
left join counted using (session_id);

-- An agent may be a session's in its shard, and no session's once the shards are merged.
create view browser_agent as
select distinct on (browser_agent) agent.*
from shards.browser_agent as agent
semi join tracking_session using (browser_agent)
order by all;

create view erasure as
select visitor_id, max(received_at) as received_at
from shards.erasure
group by visitor_id;

create view projection_info as
select
    name,
    case name
        when 'published_at' then min(value)
        when 'horizon_late' then sum(try_cast(value as bigint))::varchar
        else string_agg(distinct value, ', ' order by value)
    end as value
from shards.projection_info
group by name;
