from dead_letter
where partition = $partition and "offset" = $offset;
