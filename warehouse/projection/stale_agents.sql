-- A session was renamed or forgotten: the agent it had may be no session's any more.
delete from warehouse.browser_agent
where browser_agent not in (select browser_agent from warehouse.tracking_session);
