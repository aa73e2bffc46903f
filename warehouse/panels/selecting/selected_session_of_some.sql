-- The sessions that began in the period; if a view or a path is selected, those of them alone that have
-- a chosen pageview.
create table selected_session as
with began as (
    select session, visitor, agent, quarter
    from chosen_session
    where began
)

from began
where $view is null and $path is null
union all
from began
semi join (select session from selected where chosen) as looked using (session)
where $view is not null or $path is not null;
