select value from projection_info where name = 'log_identity';
