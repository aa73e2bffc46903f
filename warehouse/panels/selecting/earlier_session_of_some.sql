-- The sessions that began in the period before; if a view or a path is selected, those of them alone
-- that have a chosen pageview in it.
create table earlier_session as
with began as (
    select session_before, visitor, quarter
    from chosen_session_before
    where began_before
)

select visitor, quarter
from began
where $view is null and $path is null
union all
select visitor, quarter
from began
semi join earlier using (session_before)
where $view is not null or $path is not null;
