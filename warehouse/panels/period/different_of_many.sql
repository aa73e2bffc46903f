-- The same where the bitmaps of all groups would not fit into memory.
create macro different(visitor) as count(distinct visitor);
