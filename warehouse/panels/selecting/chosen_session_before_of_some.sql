-- Of the known sessions, those of new visitors alone, or of those alone who had been there before.
create table chosen_session_before as
select known_session.rowid::integer as session_before, visitor, began_before, quarter
from known_session
semi join browser_agent using (agent)
join first_session using (visitor)
where started_at < $before_until and (first_at >= $before) = ($visitors = 'new');
