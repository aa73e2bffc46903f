-- The records that each side could not read.
select (select count(*) from a.main.dead_letter), (select count(*) from b.main.dead_letter);
