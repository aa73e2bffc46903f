select max(until) from dropped_session;
