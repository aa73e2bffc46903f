-- With which pageview each selected session began and with which it ended: its view, and whether it is
-- chosen.
create table walk as
with chosen_view as (
    select view_number from known_view where view_name = $view
),

chosen_page as (
    select page from known_page where path = $path
)

select
    session,
    visitor,
    entry,
    entered_in_period
    and ($view is null or entry in (from chosen_view))
    and ($path is null or entry_page in (from chosen_page)) as entry_chosen,
    exit,
    left_in_period
    and ($view is null or exit in (from chosen_view))
    and ($path is null or exit_page in (from chosen_page)) as exit_chosen,
    pageviews,
    referrer_number
from known_walk
semi join selected_session using (session);
