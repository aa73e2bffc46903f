"""What there is to be asked: the tables and views of a warehouse, as their comments tell of them."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import duckdb


class Column(NamedTuple):
    """A column of a table or view.

    Attributes:
        type: DuckDB's name, as `VARCHAR` or `JSON`.
        nullable: for a view DuckDB does not know, and it is always true.
    """

    name: str
    type: str
    comment: str
    nullable: bool


@dataclass(frozen=True)
class Table:
    """A table or view of the warehouse; comments that were never made are empty."""

    name: str
    comment: str
    columns: list[Column]
    is_view: bool


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    """What unqualified names mean: tables, then views, each in the order of their names."""
    rows = connection.execute(_sql()).fetchall()
    return [
        Table(name, comment, [Column(*column.values()) for column in columns], is_view)
        for name, comment, is_view, columns in rows
    ]


@cache
def _sql() -> str:
    return (files("dwell.warehouse") / "catalogue.sql").read_text()
