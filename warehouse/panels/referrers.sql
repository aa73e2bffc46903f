-- Where do visitors come from?
--
-- What the first pageview of each session says; the hundred hosts that sent most. A session that begins
-- anew after a long pause can have been sent by the site itself.
--
-- host: Name of the host, without www; empty if there was no referring page.
-- visitors: How many different visitors came from there.
-- sessions: How many sessions.
-- pageviews: How many pageviews these have, all together.
with came as (
    select
        referrer_number,
        visitor,
        count(*) as sessions,
        sum(pageviews) as pageviews
    from walk
    group by all
)

select
    host,
    count(distinct visitor) as visitors,
    sum(sessions)::bigint as sessions,
    sum(pageviews)::bigint as pageviews
from came
join known_referrer using (referrer_number)
group by host
order by visitors desc, pageviews desc, host
limit 100;
