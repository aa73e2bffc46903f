-- With which pageview each selected session began and with which it ended: its view, and of the
-- first whether it is chosen.
create table walk as
select
    session,
    visitor,
    entry,
    entered_in_period
    and entry in (from chosen_view)
    and entry_page in (from chosen_page) as entry_chosen,
    exit,
    pageviews,
    referrer_number
from known_walk
semi join selected_session using (session);
