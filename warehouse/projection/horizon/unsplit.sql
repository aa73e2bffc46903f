delete from session_split
where session_id in (select session_id from going_session);
