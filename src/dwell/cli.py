"""The commands of Dwell, listed; each is a module under `dwell.commands`, imported when it is called."""

import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import click
from click.exceptions import Exit, NoArgsIsHelpError

from dwell import lifeline, messages, priority
from dwell.errors import DwellError
from dwell.settings import Settings, default_of, option_of, variable_of

COMMANDS = {
    "up": "Run the site, the projector and the dashboard together, until Ctrl-C.",
    "site": "Run the site alone: pages, beacon and collector.",
    "project": "Run the projector alone: from the log into the warehouse.",
    "dashboard": "Run the dashboard alone: what the published warehouse tells, as pages.",
    "report": "Draw panels of the dashboard as a page or a picture, without a browser.",
    "broker": "Run a Kafka broker for development, without Docker, until Ctrl-C.",
    "sql": "Ask the published warehouse in SQL.",
    "query": "Ask the published warehouse one of the usual questions.",
    "export": "Write tables of the published warehouse to Parquet or CSV.",
    "verify": "Say whether two warehouses are the same, and where they differ.",
    "facts": "Show one record of the log, or follow what comes.",
    "explain": "Say how a pageview's number came about, fact by fact.",
    "dead-letters": "List, show or retry the records that could not be read.",
    "replay": "Make a new warehouse from the log, while the live one goes on.",
    "archive": "Write the log's facts to Parquet, so that they outlive the log.",
    "prune": "Drop old facts from the embedded log, once they are archived.",
    "log": "Copy the log into another one, as from SQLite to Kafka, and move there.",
    "backup": "Copy the whole installation into a folder, while it runs.",
    "restore": "Make an installation of a backup.",
    "rules": "Show the rules of a warehouse, or check a rules file.",
    "promote": "Put a warehouse in the place of the live one, and back.",
    "forget": "Erase visitors from the log, the warehouses and every copy; prove it.",
    "healthy": "Say whether the site, the projector or the dashboard does its work.",
    "doctor": "Say what is wrong with this installation, and what to do about it.",
    "key": "Make a key with which a server may send facts.",
    "simulate": "Send visitors with a known truth, for demos and load.",
}
"""Name to what it does, in the order of `dwell --help`."""
PATIENT = frozenset({"archive", "replay"})
"""Those that may take minutes: they give way to the site and the projector beside them."""

OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
"""What reading or writing may fail of without saying which file it was."""

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])


class Commands(click.Group):
    """The literal table above as a click group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, from its module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"dwell.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself, without importing a module."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dwell", prog_name="dwell")
def commands() -> None:
    """How long visitors really looked at your pages: visible seconds, from the browser to DuckDB."""


def with_settings(*names: str) -> Callable[[Wrapped], Wrapped]:
    """Give a command the named settings as options, and hand it `settings`.

    Each option shows its variable and default in `--help`; a value that cannot be used ends with
    exit status 2 and one line.
    """

    def decorate(function: Wrapped) -> Wrapped:
        def call(**arguments: Any) -> Any:
            options = {name: arguments.pop(name) for name in names}
            return function(settings=Settings.read(options), **arguments)

        call.__name__ = function.__name__
        call.__doc__ = function.__doc__
        call.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        decorated: Any = call
        for name in reversed(names):
            field = Settings.model_fields[name]
            decorated = click.option(
                option_of(name),
                name,
                metavar="VALUE",
                help=f"{field.description}  [{variable_of(name)}; default: {default_of(name) or 'none'}]",
            )(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `dwell`. Exit status: 0 done, 1 the answer is no, 2 it could not be done, 3 the live
    warehouse is damaged."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in PATIENT:
        priority.give_way()
    sys.exit(run(given))


def run(given: Sequence[str]) -> int:
    """As `main`, but returns the exit status, and leaves this process's priority alone."""
    lifeline.follow()
    try:
        # Not `commands.main`, which makes a closed pipe exit status 1: "the answer is no".
        with commands.make_context("dwell", list(given)) as context:
            status = commands.invoke(context)
        return status if isinstance(status, int) else 0
    except Exit as ended:
        return ended.exit_code
    except NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return _could_not(_in_our_words(" ".join(error.format_message().split())))
    except DwellError as error:
        return _could_not(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader of a pipe is gone: nobody is left to tell, and Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.filename is not None:
            return _could_not(f"{error.filename}: {error.strerror}")
        if error.errno in OF_DISKS:
            return _could_not(f"a file could not be read or written: {error.strerror}")
        raise


def _in_our_words(message: str) -> str:
    """What click says of a value, said as the settings say it: the thing, its value, what would be right."""
    found = re.fullmatch(r"Invalid value for '([^']+)': ('.*?'): (expected .*)", message)
    if found:
        return f"{found[1]} is {found[2]}: {found[3]}"
    found = re.fullmatch(r"Invalid value for '([^']+)': ('.*') is not one of (.*)\.", message)
    if found:
        choices = found[3].replace("'", "")
        return f"{found[1]} is {found[2]}: expected one of {choices}"
    return message


def _could_not(message: str, status: int = 2) -> int:
    """Say so; returns the exit status of what could not be done."""
    click.echo(messages.last_word(message), err=True)
    return status


if __name__ == "__main__":
    main()
