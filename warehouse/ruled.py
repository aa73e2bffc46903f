"""A ruled warehouse: `browser` holds the tables as the browsers told them, `main` views of the same names."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import duckdb

from dwell.errors import WarehouseError
from dwell.rules import Rules
from dwell.warehouse import comments

SCHEMA = "browser"
_SQL = files("dwell.warehouse") / "rules"


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the schema in the empty warehouse that is in use, for the tables to come."""
    connection.execute(_sql("browser"))
    use_tables(connection)


def use_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Have names without a schema mean the tables, and not the views of them."""
    connection.execute(f"set search_path = 'warehouse.{SCHEMA},warehouse.main'")


def is_ruled(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the warehouse that is in use has rules."""
    found = connection.execute(
        "from duckdb_schemas() where database_name = 'warehouse' and schema_name = ?", [SCHEMA]
    )
    return bool(found.fetchall())


def rules_in(connection: duckdb.DuckDBPyConnection, path: Path) -> Rules | None:
    """The rules of the warehouse at `path`, which is in use; from now on names mean its tables.

    Raises:
        RulesInvalid: a newer Dwell wrote them.
        WarehouseError: it says nothing of rules, and looks as if it had some.
    """
    if not is_ruled(connection):
        return None
    use_tables(connection)
    found = connection.execute("select value from projection_info where name = 'rules'").fetchall()
    if not found:
        raise WarehouseError(
            f"{path} has a schema {SCHEMA} and no rules: expected both or neither, as "
            "Dwell makes a warehouse"
        )
    return Rules.parse(found[0][0], str(path))


def cap(rules: Rules | None) -> str:
    """The SQL of the macro through which every view shows seconds."""
    most = rules and rules.engagement_cap
    counted = f"least(seconds, {most}::double)" if most else "seconds"
    return f"create or replace macro capped(seconds) as {counted}"


def source() -> str:
    """What `show` makes, without what it is given: another one wants the views made anew."""
    return _sql("views") + _sql("comments")


def show(connection: duckdb.DuckDBPyConnection, rules: Rules, views: Iterable[str]) -> None:
    """Make the views of all tables anew, and those `views` that build on them."""
    connection.execute("use warehouse.main")
    connection.execute(cap(rules))
    connection.execute(_sql("views"))
    for table in _only_tables(connection):
        connection.execute(f'create or replace view "{table}" as from {SCHEMA}."{table}"')
    for view in views:
        connection.execute(view)
    comments.copy(connection, "warehouse", SCHEMA)
    connection.execute(_sql("comments"))
    use_tables(connection)


def _only_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Those that no rule has to do with: they are shown as they are."""
    found = connection.execute(
        "select table_name from duckdb_tables() "
        "where database_name = 'warehouse' and schema_name = ? and table_name not in "
        "('session_split', 'visibility_change', 'pageview', 'tracking_session') order by all",
        [SCHEMA],
    ).fetchall()
    return [table for (table,) in found]


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()
