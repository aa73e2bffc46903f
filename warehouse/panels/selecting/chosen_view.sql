-- The views that are looked at.
create table chosen_view as
select view_number
from known_view
where $view is null or view_name = $view;
