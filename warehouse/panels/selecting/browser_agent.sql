-- The browser agents that are looked at. It has the name of the warehouse's own table, so that a named
-- query that is asked here asks of these alone.
create table browser_agent as
from known_agent
where
    case $bots when 'exclude' then not is_bot when 'only' then is_bot else true end
    and ($browser is null or lower(browser) = lower($browser))
    and ($system is null or lower(system) = lower($system))
    and ($device is null or device = $device);
