-- Of the known sessions, those that are looked at.
create view chosen_session_before as
select rowid::integer as session_before, visitor, began_before, quarter
from known_session
semi join browser_agent using (agent);
