-- What has arrived of each pageview: the facts that are settled, and those that are there anyway.
create temp table arrived as
select
    pageview,
    count(*) as facts,
    max(seq) as last_seq,
    max(expected_fact.visible_ms) as visible_ms
from expected_fact
left join found_fact using (pageview, seq)
where settled or found_fact.seq is not null
group by pageview
