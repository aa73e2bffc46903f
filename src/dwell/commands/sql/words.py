"""The words of the prompt that are not SQL: they begin with a dot."""

from typing import IO

from dwell.commands.sql.forms import safe
from dwell.errors import QueryFailed
from dwell.warehouse.session import Session

HELP = """\
select …;       any SQL of DuckDB's, over as many lines as you like, up to the ;
.tables         the tables
.schema TABLE   the columns of a table and what they mean
.help           this
.quit           leave; Ctrl-D too

Each statement sees the newest published warehouse. Times are UTC. Nothing can be changed from
here; `create temp table` works, for this session. Tab completes, Ctrl-C ends a statement.
"""


def is_word(text: str) -> bool:
    """Whether a person asked the prompt and not the warehouse."""
    return text.lstrip().startswith(".")


def is_goodbye(text: str) -> bool:
    """Whether a person wants to leave, in any of the usual ways."""
    return text.strip().rstrip(";").strip().lower() in (".quit", ".exit", "quit", "exit")


def say(session: Session, text: str, sink: IO[str]) -> None:
    """Answer `.tables`, `.schema TABLE` or `.help`.

    Raises:
        QueryFailed: there is no such word or table; the message says what there is.
    """
    word, _, rest = text.strip().rstrip(";").partition(" ")
    match word:
        case ".help":
            sink.write(HELP)
        case ".tables":
            _tables(session, sink)
        case ".schema":
            _schema(session, rest.strip(), sink)
        case _:
            raise QueryFailed(
                f"{safe(word)} is no word here: expected .tables, .schema TABLE, .help or .quit"
            )


def _tables(session: Session, sink: IO[str]) -> None:
    tables = session.tables()
    width = max((len(each.name) for each in tables), default=0)
    for each in tables:
        sink.write(f"{each.name.ljust(width)}  {each.comment}".rstrip() + "\n")


def _schema(session: Session, name: str, sink: IO[str]) -> None:
    tables = session.tables()
    named = [each for each in tables if each.name.lower() == name.strip('"').lower()]
    if not named:
        known = ", ".join(each.name for each in tables)
        raise QueryFailed(f".schema {safe(name)}: expected one of {known}".replace("  ", " "))
    columns = named[0].columns
    width = max(len(column.name) for column in columns)
    widest = max(len(column.type) for column in columns)
    if named[0].comment:
        sink.write(f"{named[0].comment}\n\n")
    for name, kind, comment, _ in columns:
        sink.write(f"{name.ljust(width)}  {kind.ljust(widest)}  {comment}".rstrip() + "\n")
