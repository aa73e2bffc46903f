create or replace view session_with_agent as
select
    session.session_id,
    session.visitor_id,
    session.started_at,
    session.last_seen_at,
    session.pageviews,
    session.browser_agent,
    agent.browser,
    agent.system,
    agent.device,
    agent.is_bot
from tracking_session as session
left join browser_agent as agent using (browser_agent);

comment on view session_with_agent is 'One row for each browser session, robots included, with what its browser agent means. All times are UTC.';
comment on column session_with_agent.session_id is 'UUIDv7 of the session, minted by the browser.';
comment on column session_with_agent.visitor_id is 'The visitor: the value of the long-lasting cookie dwell_visitor.';
comment on column session_with_agent.started_at is 'When its first pageview began, in UTC.';
comment on column session_with_agent.last_seen_at is 'When its latest fact occurred, in UTC.';
comment on column session_with_agent.pageviews is 'How many rows of pageview belong to it.';
comment on column session_with_agent.browser_agent is 'The User-Agent header, cut to 512 characters.';
comment on column session_with_agent.browser is 'Name of the browser, or Other.';
comment on column session_with_agent.system is 'Name of the operating system, or Other.';
comment on column session_with_agent.device is 'desktop, phone, tablet, bot or other.';
comment on column session_with_agent.is_bot is 'Whether it is a robot that says so. Robots are labelled and kept.';
