create or replace temp table changed_mark as
select told.mark, told.until
from told_mark as told
left join dropped_session as known using (mark)
where told.until >= horizon() and (known.until is null or known.until < told.until);

delete from dropped_session where mark in (select mark from changed_mark);

insert into dropped_session from changed_mark;
