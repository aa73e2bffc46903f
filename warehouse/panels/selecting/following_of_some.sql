-- What followed the selected pageviews in the same tab.
create table following as
select pageview, selected.view_number, chosen, next_view_number, facts_lost
from known_following
join selected using (pageview);
