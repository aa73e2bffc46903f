-- The sessions that began in the period before.
create view earlier_session as
select visitor, quarter
from chosen_session_before
where began_before;
