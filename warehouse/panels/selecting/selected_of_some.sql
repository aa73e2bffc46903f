-- Of the known pageviews, those of chosen sessions: `chosen` are those of the period, and if a view or a
-- path is selected those of them alone.
create table selected as
select
    known_pageview.rowid::integer as pageview,
    session,
    known_pageview.visitor,
    known_pageview.agent,
    began,
    view_number,
    page,
    seconds,
    known_pageview.started_at,
    in_period
    and view_number in (from chosen_view)
    and page in (from chosen_page) as chosen,
    last_seq,
    facts,
    end_seen
from known_pageview
semi join chosen_session using (session);
