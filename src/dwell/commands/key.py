"""`dwell key`: the keys with which servers send facts."""

import os
import re
from pathlib import Path

import click

from dwell.cli import with_settings
from dwell.errors import DwellError
from dwell.settings import API_KEY, Settings


@click.group("key")
def command() -> None:
    """Make a key with which a server may send facts.

    A key is taken back by taking its line out of DWELL_API_KEYS or of the file that DWELL_API_KEYS_FILE
    names, and starting the site again.
    """


@command.command("new", short_help="Make a key, and print it this once.")
@click.argument("name")
@with_settings("api_keys_file")
def new(settings: Settings, name: str) -> int:
    """Make a key called NAME, and print it. Only its digest is kept, so this is the one time it is told.

    With a file of keys the digest is added to it, and the site takes the key from its next start on.
    Without one the line for DWELL_API_KEYS is printed to standard error.
    """
    from dwell.site.collector.keys import digest_of, new_key

    key = new_key()
    line = f"{name}:{digest_of(key)}"
    if not re.fullmatch(API_KEY, line):
        raise click.UsageError(
            f"the name is {name!r}: expected 1 to 40 letters, digits, dots, dashes or underscores"
        )
    if settings.api_keys_file is None:
        click.echo(f"to be added to DWELL_API_KEYS: {line}", err=True)
    else:
        _add(settings.api_keys_file, name, line)
        click.echo(f"added to {settings.api_keys_file}, which the site reads when it starts", err=True)  # fmt: skip
    click.echo(key)
    return 0


def _add(file: Path, name: str, line: str) -> None:
    """Add a line to what the site can read, for nobody but the owner to write if the file is new."""
    from dwell.site.collector.keys import keys_in

    known = keys_in(file) if file.exists() else ()
    if any(each.startswith(f"{name}:") for each in known):
        raise DwellError(f"{file} has a key called {name!r}: expected another name")
    said = file.read_bytes() if file.exists() else b""
    ending = "" if not said or said.endswith(b"\n") else "\n"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as added:
        added.write(f"{ending}{line}\n")
