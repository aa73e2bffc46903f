delete from dropped_session
where mark in (select mark from changed_mark) or until < horizon();

insert into dropped_session from changed_mark;

-- Whoever invents sessions that began long ago makes no more of them than so many, the newest.
delete from dropped_session
where mark in (select mark from dropped_session order by until desc, mark offset 100000);
