-- How complete are these figures?
--
-- What the rows rest on is told under "What is lost" in the story of the projection. Of the last
-- minutes, facts that are still under way count as lost. Dead letters are records that nobody could
-- read, received in the period, whatever is selected: of none of them it is known what of.
--
-- part: facts, pageviews or dead_letters.
-- what: Which of them; of dead letters, the reason.
-- count: How many.
-- percent (%): Of the facts that browsers are known to have made, or of the pageviews.
with tail as (
    select pageview, max(facts_lost) as facts_lost
    from following
    where chosen and facts_lost > 0
    group by pageview
),

lost_tail as (
    select count(*) as pageviews, coalesce(sum(facts_lost), 0) as facts
    from tail
),

whole_but_for_the_tail as (
    select count(*) as pageviews
    from selected
    semi join tail using (pageview)
    where end_seen
),

counted as (
    select
        count(*) as pageviews,
        count(*) filter (end_seen) as ended,
        coalesce(sum(facts), 0) as facts,
        coalesce(sum(last_seq + 1), 0) as stated
    from selected
    where chosen
),

summed as (
    select
        counted.pageviews,
        counted.ended - whole_but_for_the_tail.pageviews as exact,
        lost_tail.pageviews as tail_lost,
        stated + lost_tail.facts as made,
        counted.facts as arrived
    from counted
    cross join lost_tail
    cross join whole_but_for_the_tail
),

told as (
    select 1 as place, 'facts' as part, 'made' as what, made as count, made as of from summed
    union all
    select 2, 'facts', 'arrived', arrived, made from summed
    union all
    select 3, 'facts', 'lost', made - arrived, made from summed
    union all
    select 4, 'pageviews', 'all', pageviews, pageviews from summed
    union all
    select 5, 'pageviews', 'exact', exact, pageviews from summed
    union all
    select 6, 'pageviews', 'end not seen', pageviews - exact - tail_lost, pageviews from summed
    union all
    select 7, 'pageviews', 'end lost', tail_lost, pageviews from summed
    union all
    select 8, 'dead_letters', reason, count(*), null
    from dead_letter
    where received_at >= $since and received_at < $until
    group by reason
)

select part, what, count::bigint as count, round(100 * count / nullif(of, 0), 2) as percent
from told
order by place, count desc, what;
