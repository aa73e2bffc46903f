-- Facts that an erasure covers are left out.
delete from fact using warehouse.erasure
where fact.visitor_id = erasure.visitor_id and fact.received_at <= erasure.received_at;
