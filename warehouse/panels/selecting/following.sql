-- What followed the selected pageviews in the same tab.
create view following as
select pageview, view_number, in_period as chosen, next_view_number, facts_lost
from known_following
semi join browser_agent using (agent);
