-- Where do visitors go from each view, in the same tab?
--
-- From the selected pageviews to those that followed them, whenever that was; a page that was only
-- reloaded is followed by itself, and what nothing followed was the last in its tab. Where a session began
-- is told too: the pageviews of one session can be in several tabs, so the times into a view and out of it
-- need not be the same.
--
-- view_name: Dotted name of the view; null for the beginning of a session.
-- next_view_name: The view that followed it in the same tab of the browser; null if none did.
-- times: How often.
-- percent (%): Of all times of this view, also those that nothing followed; or of all sessions that began.
with counted as (
    select view_number, next_view_number, count(*) as times
    from following
    where chosen
    group by all
    union all
    select null, entry, count(*)
    from walk
    where entry_chosen
    group by entry
    union all
    select view_number, null, count(*)
    from selected
    anti join following using (pageview)
    where chosen
    group by view_number
)

select
    here.view_name,
    next.view_name as next_view_name,
    times,
    round(100 * times / sum(times) over (partition by counted.view_number), 2) as percent
from counted
left join known_view as here on here.view_number = counted.view_number
left join known_view as next on next.view_number = counted.next_view_number
order by here.view_name nulls first, times desc, next_view_name nulls last;
