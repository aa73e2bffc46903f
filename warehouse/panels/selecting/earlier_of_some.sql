-- The chosen pageviews of the period before.
create table earlier as
select session_before, seconds, quarter
from known_pageview_before
semi join chosen_session_before using (session_before)
where
    view_number in (from chosen_view)
    and page in (from chosen_page);
