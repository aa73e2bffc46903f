-- With which pageview each selected session began and with which it ended: its view, and of the
-- first whether it is chosen.
create view walk as
select
    session,
    visitor,
    entry,
    entered_in_period as entry_chosen,
    exit,
    pageviews,
    referrer_number
from known_walk
semi join browser_agent using (agent);
