-- The visitors of the period. Their numbers are their rowids.
create table known_visitor as
select distinct visitor from known_session where last_seen_at >= $since;
