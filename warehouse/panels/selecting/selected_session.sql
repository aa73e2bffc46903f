-- The sessions that began in the period; if a view or a path is selected, those of them alone that have
-- a chosen pageview.
create table selected_session as
with began as (
    select
        rowid::integer as session,
        visitor,
        agent,
        (epoch_ms(started_at) // 900000)::integer as quarter
    from current_session
    where started_at >= $since and started_at < $until
)

from began
where $view is null and $path is null
union all
from began
semi join (select session from selected where chosen) as looked using (session)
where $view is not null or $path is not null;
