-- A visitor is forgotten: every row with a trace of them goes, and so do all rows of their
-- sessions. What of these rows comes from facts that stay (other visitors', or received later) has
-- to be read again; `rebuilt_from` says from when.
create or replace temp table newly_forgotten as
select batch_erasure.visitor_id, max(batch_erasure.received_at) as received_at
from batch_erasure
left join warehouse.erasure using (visitor_id)
where erasure.received_at is null or batch_erasure.received_at > erasure.received_at
group by batch_erasure.visitor_id;

delete from warehouse.erasure using newly_forgotten
where erasure.visitor_id = newly_forgotten.visitor_id;

insert into warehouse.erasure select visitor_id, received_at from newly_forgotten;

create or replace temp table forgotten_session as
select
    session_id,
    min(started_at) as started_at,
    bool_or(other_visitor_ids is not null or last_received_at > newly_forgotten.received_at) as mixed
from warehouse.tracking_session
join newly_forgotten
    on tracking_session.visitor_id = newly_forgotten.visitor_id
    or list_contains(tracking_session.other_visitor_ids, newly_forgotten.visitor_id)
group by session_id;

create or replace temp table forgotten_pageview as
select
    pageview.pageview_id,
    any_value(pageview.session_id) as session_id,
    min(pageview.started_at) as started_at,
    bool_or(
        newly_forgotten.visitor_id is null
        or pageview.other_visitor_ids is not null
        or pageview.last_received_at > newly_forgotten.received_at
    ) as mixed
from warehouse.pageview
left join newly_forgotten
    on pageview.visitor_id = newly_forgotten.visitor_id
    or list_contains(pageview.other_visitor_ids, newly_forgotten.visitor_id)
where
    newly_forgotten.visitor_id is not null
    or pageview.session_id in (select session_id from forgotten_session)
group by pageview.pageview_id;

delete from warehouse.visibility_change
where pageview_id in (select pageview_id from forgotten_pageview);

delete from warehouse.pageview
where pageview_id in (select pageview_id from forgotten_pageview);

delete from warehouse.tracking_session
where session_id in (select session_id from forgotten_session);

update warehouse.tracking_session
set pageviews = tracking_session.pageviews - gone.pageviews
from (
    select session_id, count(*) as pageviews from forgotten_pageview group by session_id
) as gone
where tracking_session.session_id = gone.session_id;

create or replace temp table rebuilt_from as
select min(started_at) as started_at
from (
    select started_at from forgotten_session where mixed
    union all
    select started_at from forgotten_pageview where mixed
);
