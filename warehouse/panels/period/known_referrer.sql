-- The referring pages, each different one once, and their hosts; an empty one is none.
create table known_referrer as
select
    row_number() over ()::integer as referrer_number,
    referrer,
    regexp_replace(
        lower(regexp_extract(referrer, '^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]+)', 1)),
        '^www\.',
        ''
    ) as host
from (
    select distinct referrer from pageview where started_at >= $since and started_at <= $ended
);
