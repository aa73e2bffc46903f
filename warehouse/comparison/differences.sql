-- The rows of the keys that are shown, on both sides, and where the facts stand that made them.
with of_a as (
    select _key, list(_row) as rows, flatten(list(_facts)) as facts
    from a_row
    semi join shown using (_key)
    group by _key
),

of_b as (
    select _key, list(_row) as rows, flatten(list(_facts)) as facts
    from b_row
    semi join shown using (_key)
    group by _key
)

select
    shown._key,
    coalesce(of_a.rows, []),
    coalesce(of_b.rows, []),
    list_sort(list_distinct(list_concat(of_a.facts, changed.facts_in_a))),
    list_sort(list_distinct(list_concat(of_b.facts, changed.facts_in_b)))
from shown
left join of_a using (_key)
left join of_b using (_key)
left join changed using (_key)
order by shown._key;
