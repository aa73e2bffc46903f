-- The views of both periods and of all that followed, each with a number, in the order of their names.
create table known_view as
select row_number() over (order by view_name)::integer as view_number, view_name
from (
    select distinct view_name from pageview where started_at >= least($before, $since - interval 1 day)
);
