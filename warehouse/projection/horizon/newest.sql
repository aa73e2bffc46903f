-- When the newest of what was read was received, as far as the tables know.
select
    (select max(last_received_at) from tracking_session),
    (select max(received_at) from erasure);
