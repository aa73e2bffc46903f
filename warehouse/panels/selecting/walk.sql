-- With which pageview each session began and with which it ended: when, its view, and whether it is
-- chosen in one number, some times cheaper to compare than columns. Of two that began in one
-- millisecond, the name of the view decides.
create table walk as
with step as (
    select
        session,
        (epoch_ms(started_at) * 1048576 + view_number) * 2 + chosen::integer as step,
        referrer_number
    from selected
    where began
),

walked as (
    select
        session,
        min(step) as first_step,
        max(step) as last_step,
        count(*) as pageviews,
        arg_min(referrer_number, step) as referrer_number
    from step
    group by session
)

select
    session,
    (first_step // 2 % 1048576)::integer as entry,
    first_step % 2 = 1 as entry_chosen,
    (last_step // 2 % 1048576)::integer as exit,
    last_step % 2 = 1 as exit_chosen,
    pageviews,
    referrer_number
from walked
semi join selected_session using (session);
