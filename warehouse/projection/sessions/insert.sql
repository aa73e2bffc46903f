insert into tracking_session from new_session;
