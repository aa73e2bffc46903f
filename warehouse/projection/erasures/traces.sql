-- A visitor is forgotten. These are the rows with a trace of them, and all pageviews of the sessions
-- among these. A row is `mixed` if it also comes from facts that stay: other visitors', or received
-- later; `visitors` are the other ones.
create or replace temp table newly_forgotten as
select batch_erasure.visitor_id, max(batch_erasure.received_at) as received_at
from batch_erasure
left join erasure using (visitor_id)
where erasure.received_at is null or batch_erasure.received_at > erasure.received_at
group by batch_erasure.visitor_id;

delete from erasure using newly_forgotten
where erasure.visitor_id = newly_forgotten.visitor_id;

insert into erasure select visitor_id, received_at from newly_forgotten;

create or replace temp table all_newly_forgotten as
select list(visitor_id) as visitor_ids from newly_forgotten;

create or replace temp table forgotten_session as
select
    session_id,
    any_value(visitors_left(tracking_session.visitor_id, other_visitor_ids, visitor_ids)) as visitors,
    bool_or(other_visitor_ids is not null or last_received_at > newly_forgotten.received_at) as mixed,
    any_value(started_at) as started_at,
    any_value(partition) as partition,
    any_value(first_offset) as first_offset,
    any_value(last_partition) as last_partition
from tracking_session
join newly_forgotten
    on tracking_session.visitor_id = newly_forgotten.visitor_id
    or list_contains(tracking_session.other_visitor_ids, newly_forgotten.visitor_id)
cross join all_newly_forgotten
group by session_id;

create or replace temp table forgotten_pageview as
select
    pageview.pageview_id,
    any_value(pageview.session_id) as session_id,
    any_value(visitors_left(pageview.visitor_id, other_visitor_ids, visitor_ids)) as visitors,
    bool_or(newly_forgotten.visitor_id is not null) as traced,
    bool_or(
        newly_forgotten.visitor_id is null
        or pageview.other_visitor_ids is not null
        or pageview.last_received_at > newly_forgotten.received_at
    ) as mixed,
    any_value(pageview.started_at) as started_at,
    any_value(pageview.partition) as partition,
    any_value(first_offset) as first_offset,
    any_value(last_partition) as last_partition
from pageview
left join newly_forgotten
    on pageview.visitor_id = newly_forgotten.visitor_id
    or list_contains(pageview.other_visitor_ids, newly_forgotten.visitor_id)
cross join all_newly_forgotten
where
    newly_forgotten.visitor_id is not null
    or pageview.session_id in (select session_id from forgotten_session)
group by pageview.pageview_id;

-- Where the facts of the mixed rows lie, as far as the tables know. A session across partitions has
-- its first record in one of them; its first one in another is told by its pageviews.
create or replace temp table trace as
select session_id, null::uuid as pageview_id, partition, first_offset
from forgotten_session
where mixed
union all
select session_id, pageview_id, partition, first_offset
from forgotten_pageview
where mixed
union all
select session_id, pageview_id, change.partition, change.first_offset
from forgotten_pageview
join visibility_change as change using (pageview_id)
where mixed;
