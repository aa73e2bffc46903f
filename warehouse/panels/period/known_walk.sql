-- With which pageview each session of the period began, and with which it ended. When that was and its
-- view are one number, and its page and its referring page another, cheaper to compare than columns: of
-- two that began in one millisecond, the name of the view decides.
create table known_walk as
with step as (
    select
        session,
        ((epoch_ms(started_at) - epoch_ms($since)) << 24) + view_number as step,
        (page::bigint << 32) + referrer_number as looked_at
    from known_pageview
    where began
),

walked as (
    select
        session,
        count(*) as pageviews,
        min(step) as first_step,
        max(step) as last_step,
        arg_min(looked_at, step) as first_looked_at
    from step
    group by session
)

select
    session,
    visitor_number as visitor,
    agent,
    pageviews,
    (first_step & 16777215)::integer as entry,
    (first_looked_at >> 32)::integer as entry_page,
    (first_step >> 24) < epoch_ms($until) - epoch_ms($since) as entered_in_period,
    (first_looked_at & 4294967295)::integer as referrer_number,
    (last_step & 16777215)::integer as exit
from walked
join current_session on current_session.rowid = session;
