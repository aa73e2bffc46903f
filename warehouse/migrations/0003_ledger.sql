alter table pageview add column previous_seq integer;
alter table pageview add column facts integer default 0;
alter table pageview add column end_seen boolean default false;
alter table pageview alter column facts drop default;
alter table pageview alter column facts set not null;
alter table pageview alter column end_seen drop default;
alter table pageview alter column end_seen set not null;

update pageview
set facts = counted.facts, end_seen = counted.end_seen
from (
    select pageview_id, count(*) as facts, arg_max(visibility, seq) = 'hidden' as end_seen
    from visibility_change
    group by pageview_id
) as counted
where pageview.pageview_id = counted.pageview_id;

comment on column pageview.previous_seq is 'The seq of the latest fact that the pageview before it in the same tab had made when this one began; null if that is not known. It means nothing without a previous_pageview_id.';
comment on column pageview.facts is 'How many different facts of it arrived, by their seq: its rows of visibility_change.';
comment on column pageview.end_seen is 'Whether its latest fact, by seq, says hidden. Then engagement_time has all that was seen up to there; else it grew further, unseen.';
