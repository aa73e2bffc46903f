create schema shards;

create table shard (
    shard varchar not null,
    file varchar not null
);

comment on table shard is 'The shards that are united here: the views make one warehouse of their files.';
comment on column shard.shard is 'Which one, of how many.';
comment on column shard.file is 'Its file, where the views look for it.';
