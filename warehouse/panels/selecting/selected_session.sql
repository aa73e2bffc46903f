-- The sessions that began in the period.
create view selected_session as
select session, visitor, agent, quarter
from chosen_session
where began;
