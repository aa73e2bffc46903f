select coalesce(sum(facts), 0)::bigint from late_session;
