-- The sessions that began in the period before; if a view or a path is selected, those of them alone
-- that have a chosen pageview in it.
create table earlier_session as
with began as (
    select
        rowid::integer as session,
        visitor,
        (epoch_ms(started_at) // 900000)::integer as quarter
    from known_session
    where started_at >= $before and started_at < $before_until
)

select visitor, quarter
from began
where $view is null and $path is null
union all
select visitor, quarter
from began
semi join earlier using (session)
where $view is not null or $path is not null;
