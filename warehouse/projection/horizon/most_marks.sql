-- Whoever invents sessions that began long ago makes no more marks than so many, the newest.
delete from dropped_session
where mark in (select mark from dropped_session order by until desc, mark offset 100000);

delete from changed_mark where mark not in (select mark from dropped_session);
