-- Of the sessions that can have pageviews in the period, those that are looked at.
create view chosen_session as
select rowid::integer as session, visitor_number as visitor, agent, began, quarter
from current_session
semi join browser_agent using (agent);
