delete from dead_letter where received_at < horizon();
