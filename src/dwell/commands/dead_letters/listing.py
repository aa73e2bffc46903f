"""The list of dead letters."""

import sys
from datetime import datetime

import click

from dwell.commands.dead_letters.questions import question
from dwell.commands.sql.answers import answer
from dwell.commands.sql.forms import rows_of
from dwell.settings import Settings
from dwell.warehouse.session import Session


def list_letters(
    settings: Settings, reason: str | None, since: datetime | None, limit: int, form: str
) -> int:
    """Write the newest of those that are meant, and on standard error whether there are more.

    Args:
        since: received at this moment or later, in UTC without a zone.
        limit: how many at most; 0 is all.
    """
    meant = {"reason": reason, "since": since}
    with Session(settings.published) as session:
        counting = session.run(question("count"), meant)
        [(count,)] = [row for result in counting for row in rows_of(result)]
        answer(session, question("list"), form, None, meant | {"limit": limit or count})
    if 0 < limit < count:
        sys.stdout.flush()
        click.echo(f"the newest {limit} of {count}: --limit 0 lists all", err=True)
    return 0
