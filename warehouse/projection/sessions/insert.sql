insert into warehouse.tracking_session
select batch_session.* from batch_session anti join known_session using (session_id);
