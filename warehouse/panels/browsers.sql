-- Which browsers do visitors have?
--
-- browser: Name of the browser.
-- visitors: How many different visitors began a session with it.
-- sessions: How many sessions began.
-- pageviews: How many pageviews began.
-- median (s): Seconds of engagement that half of the pageviews did not exceed.
select name as browser, visitors, sessions, pageviews, median
from seen_with
where part = 'browser'
order by visitors desc, pageviews desc, name;
