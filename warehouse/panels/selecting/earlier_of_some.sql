-- The chosen pageviews of the period before.
create table earlier as
with chosen_view as (
    select view_number from known_view where view_name = $view
),

chosen_page as (
    select page from known_page where path = $path
)

select session_before, seconds, quarter
from known_pageview_before
semi join chosen_session_before using (session_before)
where
    ($view is null or view_number in (from chosen_view))
    and ($path is null or page in (from chosen_page));
