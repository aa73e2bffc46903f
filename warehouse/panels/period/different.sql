-- How many different visitors there are in a group: a bit for each in a bitmap, some times faster than a
-- hash table of them. Their numbers are from 0 to `most`, for which the greatest is put in.
create macro different(visitor) as coalesce(bit_count(bitstring_agg(visitor, 0, most)), 0);
