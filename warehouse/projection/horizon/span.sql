select min(started_at), epoch_ms(max(received_at)) from fact;
