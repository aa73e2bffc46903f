-- Sessions, in the same way.
create or replace temp table batch_session as from merged_sessions('session_of_fact');

create or replace temp table known_session as
select tracking_session.*
from warehouse.tracking_session
semi join batch_session using (session_id);

create or replace temp table renamed_session as from known_session limit 0;
