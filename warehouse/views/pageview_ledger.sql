-- When the beacon speaks next without being hidden: at 5, 10, 20, 40, 100, 160, … seconds of visible
-- time, every 60 from 40 on.
create or replace macro next_checkpoint(seconds) as
    case
        when seconds < 5 then 5
        when seconds < 10 then 10
        when seconds < 20 then 20
        when seconds < 40 then 40
        else 100 + 60 * floor((seconds - 40) / 60)
    end;

-- The ledger of the pageviews that began in a period, from `since` until before `until`. A pageview's
-- own numbers show its gaps. What is lost behind the last one of them, only a later pageview of the
-- same tab can tell; of several (a tab that was duplicated) the one that tells most. It may have begun
-- a day before the pageview, as the beginnings of two pageviews are told by different facts; `since` lets
-- blocks be skipped.
-- The beacon looks at its clock once a second, hence the second beyond the checkpoint. `capped` is as
-- the rules have it, where there are some.
create or replace macro pageview_ledger_between(since, until) as table
with lost_tail as (
    select pageview.pageview_id, max(later.previous_seq) as last_seq
    from pageview
    join pageview as later
        on later.previous_pageview_id = pageview.pageview_id
        and later.previous_seq > pageview.last_seq
        and later.started_at >= pageview.started_at - interval 1 day
    where
        pageview.started_at >= since::timestamp
        and pageview.started_at < until::timestamp
        and later.started_at >= since::timestamp - interval 1 day
    group by pageview.pageview_id
),

counted as (
    select
        pageview.*,
        greatest(pageview.last_seq, lost_tail.last_seq) + 1 as facts_made,
        lost_tail.last_seq is not null as tail_lost
    from pageview
    left join lost_tail using (pageview_id)
    where pageview.started_at >= since::timestamp and pageview.started_at < until::timestamp
)

select
    pageview_id,
    session_id,
    view_name,
    started_at,
    facts_made,
    facts,
    facts_made - facts as facts_lost,
    tail_lost,
    end_seen,
    engagement_time,
    case
        when tail_lost then null
        when end_seen then engagement_time
        else capped(next_checkpoint(engagement_time) + 1)
    end as engagement_time_at_most
from counted;

create or replace view pageview_ledger as
from pageview_ledger_between('-infinity', 'infinity');

comment on view pageview_ledger is 'One row for each pageview: what of it is known to be lost, and how many seconds it can have been visible at most. All times are UTC.';
comment on column pageview_ledger.pageview_id is 'The pageview.';
comment on column pageview_ledger.session_id is 'The tracking_session it belongs to.';
comment on column pageview_ledger.view_name is 'Dotted name of the view, as dwell.site.pages.page_a.PageA.';
comment on column pageview_ledger.started_at is 'When the page first came into view, in UTC.';
comment on column pageview_ledger.facts_made is 'How many facts the browser made of it, at least: as many as the greatest position says that arrived, or that a later pageview of the same tab names.';
comment on column pageview_ledger.facts is 'How many different ones arrived.';
comment on column pageview_ledger.facts_lost is 'How many are known to be lost, or still under way: facts_made less facts.';
comment on column pageview_ledger.tail_lost is 'Whether a later pageview of the same tab says that more facts were made after the latest one that arrived.';
comment on column pageview_ledger.end_seen is 'Whether the latest fact that arrived says hidden.';
comment on column pageview_ledger.engagement_time is 'Seconds in which the page was visible, at least: what the facts that arrived say.';
comment on column pageview_ledger.engagement_time_at_most is 'Seconds at most, if nothing behind the latest fact was lost: engagement_time if the end was seen, else one second beyond the next checkpoint, which would have arrived. Null if the tail is known to be lost: then there is no bound.';
