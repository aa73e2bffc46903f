-- Of the known pageviews, those that are looked at: `chosen` are those of the period.
create view selected as
select
    rowid::integer as pageview,
    session,
    visitor,
    agent,
    began,
    view_number,
    page,
    seconds,
    started_at,
    in_period as chosen,
    last_seq,
    facts,
    end_seen
from known_pageview
semi join browser_agent using (agent);
