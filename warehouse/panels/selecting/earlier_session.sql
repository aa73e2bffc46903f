-- The sessions that began in the period before and have a chosen pageview in it.
create table earlier_session as
select visitor, (epoch_ms(started_at) // 900000)::integer as quarter
from known_session
where
    started_at >= $before
    and started_at < $before_until
    and ($view is null and $path is null or rowid in (select session from earlier));
