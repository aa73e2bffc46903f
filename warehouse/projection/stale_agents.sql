-- A session was renamed or forgotten: the agent it had may be no session's any more.
delete from browser_agent
where browser_agent not in (select browser_agent from tracking_session);
