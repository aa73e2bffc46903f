create or replace view pageview_with_session as
select
    pageview.pageview_id,
    pageview.session_id,
    session.visitor_id,
    pageview.view_name,
    pageview.identity,
    pageview.engagement_time,
    pageview.started_at,
    pageview.last_seen_at,
    pageview.end_seen,
    pageview.previous_pageview_id,
    pageview.referrer,
    session.started_at as session_started_at,
    session.pageviews as session_pageviews,
    session.browser_agent,
    agent.browser,
    agent.system,
    agent.device,
    agent.is_bot
from pageview
left join tracking_session as session using (session_id)
left join browser_agent as agent using (browser_agent);

comment on view pageview_with_session is 'One row for each pageview, those of robots included, with its session and what its browser agent means. All times are UTC.';
comment on column pageview_with_session.pageview_id is 'UUIDv7 of the pageview, minted by the browser.';
comment on column pageview_with_session.session_id is 'The tracking_session it belongs to.';
comment on column pageview_with_session.visitor_id is 'The visitor of its session.';
comment on column pageview_with_session.view_name is 'Dotted name of the view, as dwell.site.pages.page_a.PageA.';
comment on column pageview_with_session.identity is 'What else identifies the page: a JSON object with path, title, tab, parameters.';
comment on column pageview_with_session.engagement_time is 'Seconds in which the page was at least partly visible, in a foreground tab of a window that was not minimised.';
comment on column pageview_with_session.started_at is 'When the page first came into view, in UTC.';
comment on column pageview_with_session.last_seen_at is 'When its latest fact occurred, in UTC.';
comment on column pageview_with_session.end_seen is 'Whether its latest fact, by seq, says hidden. Then engagement_time has all that was seen up to there.';
comment on column pageview_with_session.previous_pageview_id is 'The pageview before this one in the same tab; null if there was none.';
comment on column pageview_with_session.referrer is 'The referring page without its query, or an empty string.';
comment on column pageview_with_session.session_started_at is 'When the first pageview of its session began, in UTC.';
comment on column pageview_with_session.session_pageviews is 'How many pageviews its session has.';
comment on column pageview_with_session.browser_agent is 'The User-Agent header of its session, cut to 512 characters.';
comment on column pageview_with_session.browser is 'Name of the browser, or Other.';
comment on column pageview_with_session.system is 'Name of the operating system, or Other.';
comment on column pageview_with_session.device is 'desktop, phone, tablet, bot or other.';
comment on column pageview_with_session.is_bot is 'Whether its session is one of a robot that says so. Robots are labelled and kept.';
