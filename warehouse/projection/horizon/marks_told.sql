select mark, epoch_ms(until) from dropped_session order by mark;
