-- The truth file's lines; lines of different kinds have different columns.
create temp table truth (
    session uuid,
    visitor uuid,
    agent varchar,
    started_at bigint,
    pageview uuid,
    "view" varchar,
    previous uuid,
    previous_seq integer,
    engagement_ms bigint,
    seq integer[],
    visibility varchar[],
    visible_ms bigint[],
    settled uuid
);

create temp view expected_session as
select session, visitor, agent
from truth
where visitor is not null;

create temp view expected_pageview as
select pageview, session, "view" as view_name, previous, previous_seq, engagement_ms, len(seq) as facts
from truth
where pageview is not null;

create temp view settled_fact as
select distinct settled as pageview, unnest(seq) as seq
from truth
where settled is not null;

create temp view expected_fact as
with stated as (
    select pageview, unnest(seq) as seq, unnest(visibility) as visibility, unnest(visible_ms) as visible_ms
    from truth
    where pageview is not null
)
select stated.*, settled_fact.seq is not null as settled
from stated
left join settled_fact using (pageview, seq);

create temp view found_fact as
select
    pageview_id as pageview,
    seq,
    min(visibility) as visibility,
    round(min(engagement_time) * 1000)::bigint as visible_ms,
    count(*) as "rows"
from visibility_change
where pageview_id in (select pageview from expected_pageview)
group by pageview_id, seq;
