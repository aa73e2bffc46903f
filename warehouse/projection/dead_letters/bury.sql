insert into dead_letter by name
select letter.* from batch_dead_letter as letter
anti join dead_letter
    on dead_letter.partition = letter.partition and dead_letter."offset" = letter."offset";
