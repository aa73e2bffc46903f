from tracking_session
where session_id = $session::uuid;
