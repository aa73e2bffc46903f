alter table dead_letter add column key blob;
alter table dead_letter add column forwarded_at timestamp;

comment on column dead_letter.key is 'The key of the record; null if it was set aside before the key was kept.';
comment on column dead_letter.forwarded_at is 'When it was sent to the dead-letter topic, in UTC; null if it was not.';
