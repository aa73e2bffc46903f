create table tracking_session (
    session_id uuid not null,
    visitor_id uuid not null,
    browser_agent varchar not null,
    started_at timestamp not null,
    last_seen_at timestamp not null,
    pageviews integer not null,
    other_visitor_ids uuid[],
    first_received_at timestamp not null,
    last_received_at timestamp not null,
    first_pageview_id uuid not null,
    first_seq integer not null,
    partition integer not null,
    first_offset bigint not null,
    last_partition integer not null,
    last_offset bigint not null
);

comment on table tracking_session is 'One row for each browser session. All times are UTC.';
comment on column tracking_session.session_id is 'UUIDv7 of the session, minted by the browser.';
comment on column tracking_session.visitor_id is 'The visitor: the value of the long-lasting cookie dwell_visitor.';
comment on column tracking_session.browser_agent is 'The User-Agent header, cut to 512 characters; browser_agent has what it means.';
comment on column tracking_session.started_at is 'When its first pageview began, in UTC.';
comment on column tracking_session.last_seen_at is 'When its latest fact occurred, in UTC.';
comment on column tracking_session.pageviews is 'How many rows of pageview belong to it.';
comment on column tracking_session.other_visitor_ids is 'Further visitors whose facts name this session, ascending; null if there are none, as nearly always.';
comment on column tracking_session.first_received_at is 'When the first fact was received, in UTC: the fact that gives visitor and agent.';
comment on column tracking_session.last_received_at is 'When the last fact was received, in UTC.';
comment on column tracking_session.first_pageview_id is 'The pageview of the fact that gives visitor and agent.';
comment on column tracking_session.first_seq is 'The position of the fact that gives visitor and agent.';
comment on column tracking_session.partition is 'Where the row came from: the log partition of its first fact.';
comment on column tracking_session.first_offset is 'The offset of its first fact in that partition.';
comment on column tracking_session.last_partition is 'The log partition of its last fact; another one only if the topic was given more partitions.';
comment on column tracking_session.last_offset is 'The offset of its last fact in that partition.';

create table pageview (
    pageview_id uuid not null,
    session_id uuid not null,
    view_name varchar not null,
    identity json not null,
    engagement_time double not null,
    started_at timestamp not null,
    last_seen_at timestamp not null,
    last_seq integer not null,
    previous_pageview_id uuid,
    referrer varchar not null,
    visitor_id uuid not null,
    other_visitor_ids uuid[],
    first_seq integer not null,
    first_received_at timestamp not null,
    last_received_at timestamp not null,
    partition integer not null,
    first_offset bigint not null,
    last_partition integer not null,
    last_offset bigint not null
);

comment on table pageview is 'One row for each pageview. All times are UTC.';
comment on column pageview.pageview_id is 'UUIDv7 of the pageview, minted by the browser.';
comment on column pageview.session_id is 'The tracking_session it belongs to.';
comment on column pageview.view_name is 'Dotted name of the view, as dwell.site.pages.page_a.PageA.';
comment on column pageview.identity is 'What else identifies the page: a JSON object with path, title, tab, parameters.';
comment on column pageview.engagement_time is 'Seconds in which the page was at least partly visible, in a foreground tab of a window that was not minimised.';
comment on column pageview.started_at is 'When the page first came into view, in UTC.';
comment on column pageview.last_seen_at is 'When its latest fact occurred, in UTC.';
comment on column pageview.last_seq is 'The greatest position of its facts: facts 0 to last_seq were stated, those that arrived are in visibility_change.';
comment on column pageview.previous_pageview_id is 'The pageview before this one in the same tab; null if there was none.';
comment on column pageview.referrer is 'The referring page without its query, or an empty string.';
comment on column pageview.visitor_id is 'The visitor its first fact names.';
comment on column pageview.other_visitor_ids is 'Further visitors whose facts name this pageview, ascending; null if there are none, as nearly always.';
comment on column pageview.first_seq is 'The position of the fact that gives session, view and identity: 0 unless the first one is missing.';
comment on column pageview.first_received_at is 'When that fact was received, in UTC.';
comment on column pageview.last_received_at is 'When the last fact was received, in UTC.';
comment on column pageview.partition is 'Where the row came from: the log partition of its first fact.';
comment on column pageview.first_offset is 'The offset of its first fact in that partition.';
comment on column pageview.last_partition is 'The log partition of its last fact; another one only if the topic was given more partitions.';
comment on column pageview.last_offset is 'The offset of its last fact in that partition.';

create table visibility_change (
    pageview_id uuid not null,
    seq integer not null,
    visibility varchar not null,
    occurred_at timestamp not null,
    engagement_time double not null,
    first_received_at timestamp not null,
    last_received_at timestamp not null,
    partition integer not null,
    first_offset bigint not null,
    last_partition integer not null,
    last_offset bigint not null
);

comment on table visibility_change is 'One row for each fact of a pageview: first view, each change of visibility, each checkpoint. All times are UTC.';
comment on column visibility_change.pageview_id is 'The pageview it belongs to.';
comment on column visibility_change.seq is 'Position in its pageview; 0 is the first view.';
comment on column visibility_change.visibility is 'visible or hidden, from this moment on.';
comment on column visibility_change.occurred_at is 'When it occurred, in UTC.';
comment on column visibility_change.engagement_time is 'Seconds visible from the start of the pageview to this moment.';
comment on column visibility_change.first_received_at is 'When it was first received, in UTC.';
comment on column visibility_change.last_received_at is 'When it was last received, in UTC: later than first_received_at if it was delivered more than once.';
comment on column visibility_change.partition is 'Where the row came from: the log partition of its first delivery.';
comment on column visibility_change.first_offset is 'The offset of its first delivery in that partition.';
comment on column visibility_change.last_partition is 'The log partition of its last delivery.';
comment on column visibility_change.last_offset is 'The offset of its last delivery in that partition.';

create table browser_agent (
    browser_agent varchar not null,
    browser varchar not null,
    system varchar not null,
    device varchar not null,
    is_bot boolean not null
);

comment on table browser_agent is 'What each browser agent means: one row for each distinct User-Agent.';
comment on column browser_agent.browser_agent is 'The User-Agent header, as in tracking_session.';
comment on column browser_agent.browser is 'Name of the browser, or Other.';
comment on column browser_agent.system is 'Name of the operating system, or Other.';
comment on column browser_agent.device is 'desktop, phone, tablet, bot or other.';
comment on column browser_agent.is_bot is 'Whether it is a robot that says so. Robots are labelled and kept.';

create table erasure (
    visitor_id uuid not null,
    received_at timestamp not null
);

comment on table erasure is 'The visitors that are to be forgotten. All times are UTC.';
comment on column erasure.visitor_id is 'The visitor whose facts are left out.';
comment on column erasure.received_at is 'Facts received up to this moment are left out, in UTC.';

create table dead_letter (
    partition integer not null,
    "offset" bigint not null,
    reason varchar not null,
    detail varchar not null,
    payload blob not null,
    received_at timestamp not null
);

comment on table dead_letter is 'Records of the log that could not be read, set aside whole. All times are UTC.';
comment on column dead_letter.partition is 'The log partition of the record.';
comment on column dead_letter."offset" is 'The offset of the record in that partition.';
comment on column dead_letter.reason is 'Why, from a closed set: not_utf8, not_json, not_an_event, unknown_type, unknown_version, invalid_field.';
comment on column dead_letter.detail is 'The field, its value and what would be right.';
comment on column dead_letter.payload is 'The record as it was.';
comment on column dead_letter.received_at is 'The timestamp of the record, in UTC.';

create table log_offset (
    partition integer not null,
    next_offset bigint not null
);

comment on table log_offset is 'How far the log has been read: written in the same transaction as the rows.';
comment on column log_offset.partition is 'A partition of the log.';
comment on column log_offset.next_offset is 'The offset of the next record to be read.';

create table projection_info (
    name varchar not null,
    value varchar not null
);

comment on table projection_info is 'What made this warehouse: log_identity, schema_version, agent_data (what browser_agent was described with), published_at.';
comment on column projection_info.name is 'Name of the entry.';
comment on column projection_info.value is 'Its value.';
