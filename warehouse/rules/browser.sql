-- The tables of a ruled warehouse, as the browsers told them; the migrations make the others in it.
create schema browser;

create table browser.session_split (
    pageview_id uuid not null,
    session_id uuid not null,
    part_id uuid not null
);

comment on table browser.session_split is 'One row for each pageview that belongs to a later part of its browser session, which a gap longer than the session time-out of the rules has split.';
comment on column browser.session_split.pageview_id is 'The pageview.';
comment on column browser.session_split.session_id is 'The session that the browser named.';
comment on column browser.session_split.part_id is 'The tracking_session it belongs to by the rules: the id of the first pageview of that part.';
