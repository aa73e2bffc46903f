-- What is said of how each side was made, where they do not say the same.
select name, of_a.value, of_b.value
from a.main.projection_info as of_a
full join b.main.projection_info as of_b using (name)
where of_a.value is distinct from of_b.value and name not in ('published_at', 'horizon_marks', 'horizon_late')
order by name;
