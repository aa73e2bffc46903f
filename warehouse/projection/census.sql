-- What there is to do: a step that has nothing to do is left out, as planning a statement costs more
-- than running it on few rows.
with pageviews as (
    select bool_or(not single) as mixed_pageview, bool_or(repeated) as repeated from batch_pageview
),

sessions as (
    select bool_or(not single) as mixed_session from batch_session
),

known_pageviews as (
    select
        bool_or(plain) as plain_pageview,
        bool_or(not plain) as other_pageview,
        bool_or(suspect) as suspect,
        min(known_first_offset) filter (suspect) as first_suspect,
        max(known_last_offset) filter (suspect) as last_suspect,
        bool_and(in_one_partition) filter (suspect) as in_one_partition
    from met_pageview
),

known_sessions as (
    select bool_or(plain) as plain_session, bool_or(not plain) as other_session from met_session
)

from pageviews, sessions, known_pageviews, known_sessions;
