-- Each settled fact, and each other one that is there.
select
    concat(pageview, ':', seq) as id,
    case when expected_fact.visibility is not null
        then {visibility: expected_fact.visibility, visible_ms: expected_fact.visible_ms, "rows": 1}
    end as expected,
    case when found_fact.visibility is not null
        then {visibility: found_fact.visibility, visible_ms: found_fact.visible_ms, "rows": found_fact."rows"}
    end as found
from expected_fact
full join found_fact using (pageview, seq)
where settled or found_fact.visibility is not null
