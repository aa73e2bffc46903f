-- Sessions that are beyond the horizon, and up to which horizon that must be known: until then facts of
-- them may come that began within it. They are known by a number made from their id, not by the id.
create or replace temp table dropped_session (mark ubigint, until timestamp);

create or replace temp macro mark_of(session_id) as md5_number_lower(session_id::varchar)::ubigint;

create or replace temp table changed_mark (mark ubigint, until timestamp);
