-- How much of each view is known to be lost, and how far can its seconds be off?
--
-- What the columns rest on is told under "What is lost" in the story of the projection. Of the last
-- minutes, facts that are still under way count as lost. Of the pageviews that began in the period.
--
-- view_name: Dotted name of the view.
-- pageviews: How many of it there are.
-- exact: How many of them have seconds that are known to the end.
-- without_bound: How many are known to have lost their last facts.
-- seconds_at_least: Seconds of engagement of all of them, as their facts say.
-- seconds_at_most: Seconds of all of them at most, but for those without a bound.
-- facts_made: How many facts browsers are known to have made of them.
-- facts_lost: How many of these have not arrived.
-- percent_lost: Of the facts that were made.
with left_out as (
    select session_id
    from tracking_session
    join browser_agent using (browser_agent)
    where case $bots when 'exclude' then is_bot when 'only' then not is_bot else false end
)

select
    view_name,
    count(*) as pageviews,
    count(*) filter (end_seen and not tail_lost) as exact,
    count(*) filter (tail_lost) as without_bound,
    round(sum(engagement_time), 3) as seconds_at_least,
    round(sum(coalesce(engagement_time_at_most, engagement_time)), 3) as seconds_at_most,
    sum(ledger.facts_made)::bigint as facts_made,
    sum(ledger.facts_lost)::bigint as facts_lost,
    round(100 * sum(ledger.facts_lost) / sum(ledger.facts_made), 2) as percent_lost
from pageview_ledger_between($since, $until) as ledger
anti join left_out using (session_id)
where $view is null or view_name = $view
group by view_name
order by pageviews desc, view_name;
