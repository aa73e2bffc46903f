-- Only what differs is written.
create or replace temp table settled_split as from splits_of('unsettled_pageview');

create or replace temp table known_split as
select session_split.rowid as row_id, session_split.*
from session_split
semi join unsettled_session using (session_id);

delete from session_split
where rowid in (
    select row_id
    from known_split
    anti join settled_split using (pageview_id, session_id, part_id)
);

insert into session_split
from settled_split
anti join known_split using (pageview_id, session_id, part_id);

delete from unsettled_session;
