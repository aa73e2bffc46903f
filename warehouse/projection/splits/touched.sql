-- The sessions of the pageviews that the batch brought or changed. One that is whole stays whole if it
-- is shorter than the time-out, has one pageview, or was only seen longer: then its gaps have shrunk.
create or replace temp table touched_session as
select session_id, bool_or(longer) as longer
from (
    select session_id, true as longer from begun_pageview
    union all
    select session_id, false
    from pageview
    join met_pageview as met on pageview.rowid = met.row_id
)
group by session_id;

create or replace temp table known_session as
select session_id, started_at, last_seen_at, pageviews, first_received_at, last_received_at
from new_session
union all
select
    known.session_id, known.started_at, known.last_seen_at, known.pageviews, known.first_received_at,
    known.last_received_at
from tracking_session as known
join met_session as met on known.rowid = met.row_id;

insert into unsettled_session
select session_id, first_received_at, last_received_at
from touched_session
left join known_session as known using (session_id)
where
    (longer and known.session_id is null)
    or (longer and pageviews > 1 and last_seen_at - started_at > session_timeout())
    or session_id in (select session_id from session_split);
