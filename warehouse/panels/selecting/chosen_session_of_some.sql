-- Of the sessions that can have pageviews in the period, those that are looked at: of new visitors alone,
-- or of those alone who had been there before.
create table chosen_session as
select current_session.rowid::integer as session, visitor_number as visitor, agent, began, quarter
from current_session
semi join browser_agent using (agent)
join first_session using (visitor)
where (first_at >= case when started_at >= $since then $since else $before end) = ($visitors = 'new');
