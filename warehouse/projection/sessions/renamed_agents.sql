select distinct browser_agent
from renamed_session
anti join browser_agent using (browser_agent);
