-- How many of the two tables that columns are read from are tables, and no views of other ones.
select count(*) as tables
from duckdb_tables()
where
    database_name = 'warehouse'
    and schema_name = 'main'
    and table_name in ('pageview', 'tracking_session');
