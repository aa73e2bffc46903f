select distinct browser_agent
from renamed_session
anti join warehouse.browser_agent using (browser_agent);
