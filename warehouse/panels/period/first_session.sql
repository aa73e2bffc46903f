-- When the first session of all began of each visitor who is known.
create table first_session as
select visitor, min(session.started_at) as first_at
from (select hash(visitor_id) as visitor, started_at from warehouse.main.tracking_session) as session
semi join known_session using (visitor)
group by visitor;
