-- A warehouse with rules keeps what the browsers told in a schema of its own.
from duckdb_schemas()
where database_name = 'warehouse' and schema_name = 'browser';
