-- Which sessions were there?
--
-- Of the selected sessions, those that began last before a moment, as many as are asked for.
--
-- session_id: The session.
-- started_at (time): When its first pageview began.
-- last_seen_at (time): When its latest fact occurred.
-- pageviews: How many pageviews it has.
-- seconds (s): Seconds of engagement of all of them.
-- entry: Dotted name of the view it began with.
-- exit: Dotted name of the view it ended with.
-- browser: Name of the browser.
-- system: Name of the operating system.
-- device: desktop, phone, tablet, bot or other.
-- cursor: To be given as `before` for those that began before this one.
with latest as (
    select
        current_session.rowid as session,
        session_id,
        current_session.agent,
        started_at,
        last_seen_at
    from current_session
    semi join selected_session on selected_session.session = current_session.rowid
    where
        $before_at is null
        or started_at < $before_at
        or (started_at = $before_at and session_id < $before_id::uuid)
    order by started_at desc, session_id desc
    limit $most
),

looked as (
    select session, sum(seconds) as seconds
    from selected
    semi join latest using (session)
    group by session
)

select
    session_id::varchar as session_id,
    started_at,
    last_seen_at,
    pageviews,
    round(seconds, 3) as seconds,
    entry_view.view_name as entry,
    exit_view.view_name as exit,
    browser,
    system,
    device,
    strftime(started_at, '%Y-%m-%dT%H:%M:%S.%f') || '_' || session_id as cursor
from latest
join walk using (session)
join looked using (session)
join browser_agent using (agent)
join known_view as entry_view on entry_view.view_number = entry
join known_view as exit_view on exit_view.view_number = exit
order by started_at desc, session_id desc;
