-- What do visitors hold in their hands?
--
-- device: desktop, phone, tablet, bot or other.
-- visitors: How many different visitors began a session with it.
-- sessions: How many sessions began.
-- pageviews: How many pageviews began.
-- median (s): Seconds of engagement that half of the pageviews did not exceed.
select name as device, visitors, sessions, pageviews, median
from seen_with
where part = 'device'
order by visitors desc, pageviews desc, name;
