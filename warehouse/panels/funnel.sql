-- How many sessions get through a series of views, one after the other?
--
-- The views are given, with commas between them; without any there are no steps. A session has taken a
-- step if a pageview of that view began after the step before it; what it saw in between does not
-- matter. Of the sessions that began in the period.
--
-- step: Which one, from 1.
-- view_name: Dotted name of its view.
-- sessions: How many sessions have come as far.
-- percent_of_first (%): Of those that took the first step.
-- percent_of_previous (%): Of those that took the step before.
-- median (s): Seconds from the step before to this one; half did not exceed them.
with recursive wanted as (
    select view_number, view_name
    from known_view
    where list_contains($views::varchar[], view_name)
),

seen as materialized (
    select session, view_name, started_at
    from selected
    join wanted using (view_number)
    semi join selected_session using (session)
    where began
),

taken as (
    select 1 as step, session, min(started_at) as taken_at, null::timestamp as before
    from seen
    where view_name = $views[1]
    group by session
    union all
    select taken.step + 1, session, min(seen.started_at), taken.taken_at
    from taken
    join seen using (session)
    where seen.view_name = $views[taken.step + 1] and seen.started_at > taken.taken_at
    group by taken.step, session, taken.taken_at
),

counted as (
    select
        step,
        count(*) as sessions,
        quantile_cont((epoch_ms(taken_at) - epoch_ms(before)) / 1000, 0.5) as median
    from taken
    group by step
)

select
    step,
    ($views::varchar[])[step] as view_name,
    coalesce(sessions, 0) as sessions,
    round(100 * coalesce(sessions, 0) / first_value(sessions) over (order by step), 2)
        as percent_of_first,
    round(100 * coalesce(sessions, 0) / lag(sessions) over (order by step), 2)
        as percent_of_previous,
    round(median, 3) as median
from (select unnest(generate_series(1, len($views::varchar[])))::integer as step)
left join counted using (step)
order by step;
