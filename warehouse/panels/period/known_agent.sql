-- The browser agents, each with a number.
create table known_agent as
select
    row_number() over (order by browser_agent)::integer as agent,
    browser_agent,
    browser,
    system,
    device,
    is_bot
from warehouse.main.browser_agent;
