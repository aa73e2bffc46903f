-- What the projection makes of the traffic of traffic.py, by the same arithmetic. Variables say which
-- traffic it is, and the table `windows` when each fact of a pageview comes.
create or replace temp macro traffic_hash(kind, number) as md5(kind || ' ' || number);

create or replace temp macro hexadecimal(digits) as ('0x' || digits)::bigint;

create or replace temp macro minted(milliseconds, digits) as (
    left(printf('%012x', milliseconds), 8) || '-' || substr(printf('%012x', milliseconds), 9)
    || '-7' || substr(digits, 1, 3) || '-8' || substr(digits, 4, 3) || '-' || substr(digits, 7, 12)
)::uuid;

create or replace temp macro received_ms(tick) as
    getvariable('began') + tick * 1000 // getvariable('pageviews_per_second');

create or replace temp macro delay_ms(seq) as 4 + 3 * seq;

create or replace temp macro third_place(pageview) as
    pageview // 3 + (pageview % 3) * getvariable('apart');

create or replace temp macro session_number(pageview) as
    (
        third_place(pageview) // (3 * getvariable('apart')) * getvariable('apart')
        + third_place(pageview) % (3 * getvariable('apart')) % getvariable('apart')
    ) * 3 + pageview % 3;

create or replace temp macro first_pageview(session) as
    (
        (3 * (session // 3 // getvariable('apart')) - session % 3) * getvariable('apart')
        + session // 3 % getvariable('apart')
    ) * 3 + session % 3;

create or replace temp macro has_previous(pageview) as
    pageview // 3 >= getvariable('apart')
    and third_place(pageview) % (3 * getvariable('apart')) >= getvariable('apart');

create or replace temp macro clock_ms(session_digits) as
    case
        when getvariable('skewed') and hexadecimal(substr(session_digits, 19, 8)) % 200 = 0
        then hexadecimal(substr(session_digits, 25, 8)) * 1000 % 315360000000 - 157680000000
        else 0
    end;

create or replace temp macro agent_number(session) as
    hexadecimal(substr(traffic_hash('session', session), 19, 8)) % 97;

create or replace temp macro pageview_uuid(pageview, clock) as
    minted(received_ms(pageview) + clock, traffic_hash('pageview', pageview));

-- The visibility change of every fact of these ticks, in the order of the log.
create or replace temp macro traffic_changes(first_tick, ended) as table
with facts as (
    select
        tick,
        seq,
        stretch * stretch_length
        + (tick - waits) % stretch_length * inverse % stretch_length as pageview
    from (
        select
            tick,
            seq,
            stretch_length,
            inverse,
            waits,
            (tick - waits) // stretch_length as stretch
        from range(first_tick, ended) as ticks (tick)
        cross join windows
        where tick >= waits
    )
),

placed as (
    select
        *,
        clock_ms(traffic_hash('session', session_number(pageview))) as clock,
        received_ms(pageview) - delay_ms(0) as began_ms,
        received_ms(tick) - delay_ms(seq) - began_ms as age_ms
    from facts
)

select
    pageview_uuid(pageview, clock) as pageview_id,
    seq::integer as seq,
    case when seq = 4 then 'hidden' else 'visible' end as visibility,
    make_timestamp_ms(began_ms + age_ms) as occurred_at,
    (age_ms - age_ms // 10) / 1000 as engagement_time,
    make_timestamp_ms(received_ms(tick)) as first_received_at,
    make_timestamp_ms(received_ms(tick)) as last_received_at,
    0 as partition,
    tick * 5 + seq as first_offset,
    0 as last_partition,
    tick * 5 + seq as last_offset
from placed
order by tick, seq;

-- Every pageview of these that began before `ended`, as far as it has come by then.
create or replace temp macro traffic_pageviews(first_pageview, last_pageview, ended) as table
with begun as (
    select pageview, max(seq) as last_seq, max_by(tick, seq) as last_tick, count(*) as facts
    from (
        select
            pageview,
            seq,
            waits + pageview // stretch_length * stretch_length
            + pageview % stretch_length * multiplier % stretch_length as tick
        from range(first_pageview, last_pageview) as pageviews (pageview)
        cross join windows
    )
    where tick < ended
    group by pageview
),

placed as (
    select
        *,
        session_number(pageview) as session,
        traffic_hash('session', session) as session_digits,
        traffic_hash('visitor', session) as visitor_digits,
        clock_ms(session_digits) as clock,
        hexadecimal(substr(traffic_hash('page', pageview), 19, 6)) as page,
        received_ms(greatest(0, first_pageview(session))) as session_ms,
        received_ms(pageview) - delay_ms(0) as began_ms,
        received_ms(last_tick) - delay_ms(last_seq) as seen_ms,
        seen_ms - began_ms as age_ms
    from begun
)

select
    pageview_uuid(pageview, clock) as pageview_id,
    minted(session_ms + clock, session_digits) as session_id,
    'dwell.site.pages.' || getvariable('views')[page % 6 + 1] as view_name,
    printf(
        '{"path":"/%d/read-all-about-it","title":"All about %d"}', page % 5000, page % 5000
    )::json as identity,
    (age_ms - age_ms // 10) / 1000 as engagement_time,
    make_timestamp_ms(began_ms) as started_at,
    make_timestamp_ms(seen_ms) as last_seen_at,
    last_seq::integer as last_seq,
    case
        when has_previous(pageview) then pageview_uuid(pageview - 3 * getvariable('apart'), clock)
    end as previous_pageview_id,
    case
        when has_previous(pageview) then '' else 'https://search.example/' || page % 100
    end as referrer,
    minted(
        session_ms + clock - hexadecimal(substr(visitor_digits, 25, 8)), visitor_digits
    ) as visitor_id,
    null::uuid[] as other_visitor_ids,
    0 as first_seq,
    make_timestamp_ms(received_ms(pageview)) as first_received_at,
    make_timestamp_ms(received_ms(last_tick)) as last_received_at,
    0 as partition,
    pageview * 5 as first_offset,
    0 as last_partition,
    last_tick * 5 + last_seq as last_offset,
    case when has_previous(pageview) then 4 end as previous_seq,
    facts::integer as facts,
    last_seq = 4 as end_seen
from placed
order by pageview;
