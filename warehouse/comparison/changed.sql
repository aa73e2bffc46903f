-- Where the facts of those visibility changes stand that differ, for the pageviews that are shown.
create or replace temp table changed as
with of_a as (
    select _key as change, count(*) as rows, sum(_content) as content, flatten(list(_facts)) as facts
    from a_visibility_change
    where pageview_id in (select _key.pageview_id from shown)
    group by _key
),

of_b as (
    select _key as change, count(*) as rows, sum(_content) as content, flatten(list(_facts)) as facts
    from b_visibility_change
    where pageview_id in (select _key.pageview_id from shown)
    group by _key
)

select
    {'pageview_id': change.pageview_id} as _key,
    flatten(list(of_a.facts) filter (of_a.facts is not null)) as facts_in_a,
    flatten(list(of_b.facts) filter (of_b.facts is not null)) as facts_in_b
from of_a
full join of_b using (change)
where of_a.rows is distinct from of_b.rows or of_a.content is distinct from of_b.content
group by change.pageview_id;
