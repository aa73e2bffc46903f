-- What the identities of the pageviews say, each different one once.
create table known_page as
select
    row_number() over ()::integer as page,
    said as identity,
    coalesce(said::json ->> '$.path', '') as path,
    said::json ->> '$.tab' as tab
from (
    select distinct identity::varchar as said
    from pageview
    where started_at >= $before and started_at <= $ended
);
