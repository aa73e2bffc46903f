-- Which operating systems do visitors have?
--
-- system: Name of the operating system.
-- visitors: How many different visitors began a session with it.
-- sessions: How many sessions began.
-- pageviews: How many pageviews began.
-- median (s): Seconds of engagement that half of the pageviews did not exceed.
select name as system, visitors, sessions, pageviews, median
from seen_with
where part = 'system'
order by visitors desc, pageviews desc, name;
