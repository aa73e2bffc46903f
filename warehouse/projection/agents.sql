-- The agents that new sessions have and that are not described yet.
select distinct browser_agent
from new_session
anti join browser_agent using (browser_agent);
