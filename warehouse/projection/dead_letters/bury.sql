insert into warehouse.dead_letter by name
select letter.* from batch_dead_letter as letter
anti join warehouse.dead_letter
    on dead_letter.partition = letter.partition and dead_letter."offset" = letter."offset";
