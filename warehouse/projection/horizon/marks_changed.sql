delete from dropped_session
where mark in (select mark from changed_mark) or until < horizon();

insert into dropped_session from changed_mark;
