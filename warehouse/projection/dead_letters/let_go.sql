-- A record that was read is no dead letter any more, wherever the same bytes were set aside.
delete from dead_letter using read_letter
where
    dead_letter.partition = read_letter.partition
    and dead_letter."offset" = read_letter."offset"
    and dead_letter.payload in (select encode(value) from batch);

delete from awaited_letter using read_letter
where
    awaited_letter.partition = read_letter.partition
    and awaited_letter."offset" = read_letter."offset";
