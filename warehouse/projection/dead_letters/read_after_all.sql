create or replace temp table read_letter as
select partition, "offset"
from awaited_letter
where fingerprint in (
    select hash(encode(value))
    from batch
    anti join batch_dead_letter using (partition, "offset")
);
