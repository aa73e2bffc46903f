-- In which browsers do facts get lost?
--
-- One visitor whose browser claims to have made a million facts moves the last column; they do not move
-- the one before. Of the pageviews that began in the period.
--
-- browser: Name of the browser.
-- system: Name of the operating system.
-- pageviews: How many there are.
-- pageviews_with_losses: How many of them are known to lack a fact.
-- percent_with_losses: Of the pageviews.
-- facts_lost: How many facts are known to be lost.
-- percent_lost: Of the facts that browsers are known to have made.
with session as (
    select session_id, browser, system
    from tracking_session
    join browser_agent using (browser_agent)
    where
        last_seen_at >= $since
        and case $bots when 'exclude' then not is_bot when 'only' then is_bot else true end
)

select
    browser,
    system,
    count(*) as pageviews,
    count(*) filter (ledger.facts_lost > 0) as pageviews_with_losses,
    round(100 * count(*) filter (ledger.facts_lost > 0) / count(*), 2) as percent_with_losses,
    sum(ledger.facts_lost)::bigint as facts_lost,
    round(100 * sum(ledger.facts_lost) / sum(ledger.facts_made), 2) as percent_lost
from pageview_ledger_between($since, $until) as ledger
join session using (session_id)
group by browser, system
order by pageviews desc, browser, system;
