from browser_agent
where browser_agent = $agent;
