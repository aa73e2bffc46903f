-- The agents that sessions have now and that are not described yet.
select distinct browser_agent
from (
    select batch_session.browser_agent from batch_session anti join known_session using (session_id)
    union all
    select browser_agent from renamed_session
)
anti join warehouse.browser_agent using (browser_agent);
