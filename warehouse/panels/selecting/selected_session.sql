-- The sessions that began in the period and have a chosen pageview.
create table selected_session as
select
    rowid::integer as session,
    visitor,
    agent,
    (epoch_ms(started_at) // 900000)::integer as quarter
from known_session
where
    started_at >= $since
    and started_at < $until
    and ($view is null and $path is null or rowid in (select session from selected where chosen));
