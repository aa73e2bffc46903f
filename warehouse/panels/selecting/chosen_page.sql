-- The pages that are looked at.
create table chosen_page as
select page
from known_page
where $path is null or path = $path;
