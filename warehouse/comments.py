"""Comments of tables, for the views that show them."""

import duckdb

from dwell.warehouse.quoting import quoted


def copy(
    connection: duckdb.DuckDBPyConnection, database: str, schema: str, into: str = "warehouse"
) -> None:
    """Give the views in `main` of a database, which is in use, the comments of the tables of these names."""
    for table, comment in connection.execute(
        "select table_name, comment from duckdb_tables() as told "
        "semi join (select * from duckdb_views() where database_name = ?"
        " and schema_name = 'main') as shown on shown.view_name = told.table_name "
        "where database_name = ? and schema_name = ? and comment is not null",
        [into, database, schema],
    ).fetchall():
        connection.execute(f'comment on view "{table}" is {quoted(comment)}')
    for table, column, comment in connection.execute(
        """
        select table_name, column_name, told.comment
        from duckdb_columns() as told
        semi join (
            select * from duckdb_columns()
            where database_name = ? and schema_name = 'main'
        ) as shown using (table_name, column_name)
        where database_name = ? and schema_name = ? and not internal and told.comment is not null
        """,
        [into, database, schema],
    ).fetchall():
        connection.execute(f'comment on column "{table}"."{column}" is {quoted(comment)}')
