-- An audience over some weeks: visitors who come again, sessions with some pageviews in one tab or two,
-- robots, lost facts and ends that were not seen. Everything follows from numbers by arithmetic, so that
-- each making is the same. Variables say how many visitors and weeks, when it began (milliseconds since
-- 1970), what views and agents there are, and from which week on the facts of pageviews are kept too.
create or replace temp macro audience_hash(kind, number) as md5(kind || ' ' || number);

-- From 0 until before 1, out of six digits.
create or replace temp macro share(digits, place) as
    ('0x' || substr(digits, place, 6))::bigint / 16777216;

-- 1 on average, with many small ones and a few large.
create or replace temp macro exponential(digits, place) as -ln(share(digits, place) + 1e-9);

create or replace temp macro normal(digits, place) as
    sqrt(2 * exponential(digits, place)) * cos(2 * pi() * share(digits, place + 6));

create or replace temp macro minted(milliseconds, digits) as (
    left(printf('%012x', milliseconds), 8) || '-' || substr(printf('%012x', milliseconds), 9)
    || '-7' || substr(digits, 1, 3) || '-8' || substr(digits, 4, 3) || '-' || substr(digits, 7, 12)
)::uuid;

-- Milliseconds by which the clock of a browser is wrong: one in 200 by a year and a half.
create or replace temp macro clock_ms(session_digits) as
    case when share(session_digits, 20) < 0.005 then 50000000000 else 0 end;

-- Somebody comes first at any time, and again some days apart.
create or replace temp table visit as
with visitor as (
    select
        number as visitor,
        audience_hash('visitor', number) as visitor_digits,
        share(visitor_digits, 1) * getvariable('weeks') * 604800000.0 as first_ms,
        1 + least(60, floor(exponential(visitor_digits, 7) * 1.6)) as visits,
        exponential(visitor_digits, 13) * 6 * 86400000 + 10800000 as gap_ms
    from range(getvariable('visitors')) as numbers (number)
)

select
    visitor * 100 + visit as session,
    visitor,
    visitor_digits,
    audience_hash('session', session) as session_digits,
    (getvariable('began') + first_ms + visit * gap_ms)::bigint as began_ms,
    minted(began_ms + clock_ms(session_digits), session_digits) as session_id,
    share(visitor_digits, 25) < 0.04 as is_bot
from visitor
cross join range(61) as visits_of_one (visit)
where visit < visits and first_ms + visit * gap_ms < getvariable('weeks') * 604800000.0;

-- The seconds are log-normal, around some seconds that depend on the view.
create or replace temp table look as
with placed as (
    select visit.*, look, audience_hash('pageview', session * 100 + look) as digits
    from visit
    cross join range(12) as looks (look)
    where look < 1 + floor(exponential(session_digits, 1) * 2.6)
),

viewed as (
    select
        *,
        floor(len(getvariable('views')) * pow(share(digits, 14), 1.7))::integer as view,
        round(case
            when is_bot then 0.05 + share(digits, 1) * 2
            else least(7200, exp(ln(8 + 4 * view) + 1.1 * normal(digits, 1)))
        end, 3) as seconds
    from placed
),

begun as (
    select
        *,
        began_ms + (1000 * coalesce(sum(seconds + 0.4) over earlier, 0))::bigint as started_ms
    from viewed
    window earlier as (
        partition by session order by look rows between unbounded preceding and 1 preceding
    )
)

select
    *,
    minted(started_ms + clock_ms(session_digits), digits) as pageview_id,
    started_ms + (1000 * seconds)::bigint as seen_ms,
    (1 + least(4, seconds // 5))::integer as last_seq,
    case when last_seq > 1 and share(digits, 11) < 0.02 then 1 end as lost_seq,
    share(digits, 3) < 0.95 as end_seen
from begun;

insert into pageview by name
with followed as (
    select
        *,
        case when look > 0 and share(digits, 26) < 0.9 then lag(pageview_id) over session_looks end
            as previous_pageview_id,
        lag(last_seq) over session_looks as last_seq_before
    from look
    window session_looks as (partition by session order by look)
)

select
    pageview_id,
    session_id,
    getvariable('views')[view + 1] as view_name,
    case
        when view_name like '%.tab_%' then printf('{"path":"/tabs/%d","title":"Tabs","tab":"%d"}', view, view)
        else printf('{"path":"/%d/read-all-about-it","title":"All about %d"}', session % 5000, session % 5000)
    end::json as identity,
    seconds as engagement_time,
    make_timestamp_ms(started_ms) as started_at,
    make_timestamp_ms(seen_ms) as last_seen_at,
    last_seq,
    previous_pageview_id,
    case when look = 0 then 'https://search.example/' || session % 100 else '' end as referrer,
    minted(getvariable('began') + visitor, visitor_digits) as visitor_id,
    0 as first_seq,
    make_timestamp_ms(started_ms + 5) as first_received_at,
    make_timestamp_ms(seen_ms + 5) as last_received_at,
    0 as partition,
    row_number() over (order by started_ms, pageview_id) * 5 as first_offset,
    0 as last_partition,
    first_offset + 4 as last_offset,
    case
        when previous_pageview_id is not null
        then last_seq_before + (share(digits, 9) < 0.02)::integer
    end as previous_seq,
    last_seq + (lost_seq is null)::integer as facts,
    end_seen
from followed
order by started_ms, pageview_id;

insert into tracking_session by name
select
    session_id,
    any_value(pageview.visitor_id) as visitor_id,
    any_value(case
        when is_bot then getvariable('bots')[session % len(getvariable('bots')) + 1]
        else getvariable('agents')[session % len(getvariable('agents')) + 1]
    end) as browser_agent,
    min(started_at) as started_at,
    max(last_seen_at) as last_seen_at,
    count(*) as pageviews,
    min(first_received_at) as first_received_at,
    max(last_received_at) as last_received_at,
    min_by(pageview_id, first_offset) as first_pageview_id,
    0 as first_seq,
    0 as partition,
    min(first_offset) as first_offset,
    0 as last_partition,
    max(last_offset) as last_offset
from pageview
join visit using (session_id)
group by session_id
order by first_offset;

insert into visibility_change by name
with fact as (
    select
        pageview_id,
        seq::integer as seq,
        (seen_ms - started_ms) * seq // last_seq as age_ms,
        started_ms + age_ms as occurred_ms,
        case when seq = last_seq and end_seen then 'hidden' else 'visible' end as visibility
    from look
    cross join range(6) as seqs (seq)
    where
        seq <= last_seq
        and seq is distinct from lost_seq
        and started_ms >= getvariable('began') + getvariable('facts_from') * 604800000::bigint
)

select
    fact.pageview_id,
    seq,
    visibility,
    make_timestamp_ms(occurred_ms) as occurred_at,
    age_ms / 1000 as engagement_time,
    make_timestamp_ms(occurred_ms + 5) as first_received_at,
    make_timestamp_ms(occurred_ms + 5) as last_received_at,
    0 as partition,
    first_offset + seq as first_offset,
    0 as last_partition,
    first_offset + seq as last_offset
from fact
join pageview using (pageview_id)
order by occurred_ms;

drop table visit;

drop table look;
