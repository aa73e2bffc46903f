-- Facts that an erasure covers are left out.
create or replace temp table kept_fact as
from fact
where not exists (
    from erasure
    where erasure.visitor_id = fact.visitor_id and fact.received_at <= erasure.received_at
);
