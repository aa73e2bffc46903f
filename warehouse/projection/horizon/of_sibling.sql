select name, value
from sibling.projection_info
where name in ('horizon', 'horizon_marks');
