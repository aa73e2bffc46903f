select coalesce(json_group_object(mark::varchar, epoch_ms(until)), '{}')::varchar
from dropped_session;
