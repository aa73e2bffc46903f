select 'tracking_session' as name, count(*) as number from tracking_session
union all select 'pageview', count(*) from pageview
union all select 'visibility_change', count(*) from visibility_change
union all select 'browser_agent', count(*) from browser_agent
union all select 'erasure', count(*) from erasure
union all select 'dead_letter', count(*) from dead_letter;
