insert into warehouse.tracking_session from new_session;
