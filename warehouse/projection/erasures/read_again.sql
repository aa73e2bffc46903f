-- From where each partition is read again, so that the mixed rows that went are built anew.
select partition, min(greatest(trace.first_offset, coalesce(oldest, 0))) as "offset"
from trace
left join log_start using (partition)
where
    pageview_id in (select pageview_id from forgotten_pageview)
    or (pageview_id is null and session_id in (select session_id from forgotten_session))
group by partition;
