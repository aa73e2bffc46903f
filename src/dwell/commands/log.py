"""`dwell log`: the log copied into another one, and the move there."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import click

from dwell.cli import with_settings
from dwell.commands.dead_letters import InOrder
from dwell.errors import AlreadyRunning, SettingInvalid
from dwell.locks import alone
from dwell.settings import KAFKA, Settings, option_of

SAY_AGAIN = "dwell: stopped; the same command goes on where it ended"


@click.group("log", cls=InOrder)
def command() -> None:
    """Copy the log into another one, and move there: from the embedded log to Kafka, back, or to another
    file.

    FROM and TO are written as in DWELL_LOG: embedded:, embedded:FILE or kafka://HOST:PORT/TOPIC.
    """


@command.command("copy", short_help="Copy the log into another one, as far as it goes now.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@with_settings("data", *KAFKA)
def copy_(settings: Settings, source: str, target: str) -> int:
    """Copy the records of FROM to TO, each once and at its own offset. The site may go on writing to FROM.

    It may be stopped or killed: the same command goes on where it ended, and copies what has come since.
    TO must be empty, or begun as a copy of FROM. Which of the two is the log does not change.
    """
    from dwell.commands.replay.watching import Watching
    from dwell.consumers.copying import copy

    began = time.monotonic()
    with _alone(settings), _stoppable():
        with Watching() as watching:
            done = copy(*_both(settings, source, target), watching)
        click.echo(
            f"{done.records:,} offsets copied in {time.monotonic() - began:.1f} s; {target} holds"
            f" {source} up to {_places(done.ends)}"
        )
    return 0


@command.command("compare", short_help="Say whether one log is the whole copy of another.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@with_settings("data", *KAFKA)
def compare(settings: Settings, source: str, target: str) -> int:
    """Compare every record of FROM with TO: offset, time, key and value.

    Exit status: 0 the same, 1 they differ.
    """
    from dwell.commands.replay.watching import Watching
    from dwell.consumers.copying import compare

    with Watching() as watching:
        difference = compare(*_both(settings, source, target), watching)
    click.echo(difference or f"{target} is the whole copy of {source}")
    return 0 if difference is None else 1


@command.command("move", short_help="Copy the rest, and have TO be the log.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@with_settings("data", "archive", *KAFKA)
def move_(settings: Settings, source: str, target: str) -> int:
    """Copy what is left of FROM to TO, and have the warehouses and the archive of the data folder belong to
    TO. Stop the projector before, and the site if FROM is Kafka's; then have DWELL_LOG name TO, and start
    both.

    An embedded FROM takes no facts from now on: a site that goes on answers 503, and browsers keep their
    facts. TO is compared with FROM record by record before anything is changed. To move back, name the
    two the other way round.
    """
    from dwell.commands.replay.watching import Watching
    from dwell.consumers.moving import move

    with _alone(settings), _stoppable():
        with Watching() as watching:
            both = _both(settings, source, target)
            moved = move(*both, watcher=watching, say=click.echo)
        for line in moved.left:
            click.echo(f"dwell: {line}", err=True)
    return 0


def _both(settings: Settings, source: str, target: str) -> tuple[Settings, Settings]:
    """The same settings with one log and the other."""
    return _at(settings, "FROM", source), _at(settings, "TO", target)


def _at(settings: Settings, argument: str, log: str) -> Settings:
    try:
        return Settings.read({"log": log}, settings.environment())
    except SettingInvalid as error:
        said, option = str(error), option_of("log")
        if not said.startswith(f"{option} "):
            raise
        raise SettingInvalid(argument + said.removeprefix(option)) from None


def _places(ends: dict[int, int]) -> str:
    return ", ".join(f"{partition}:{end}" for partition, end in ends.items())


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two copies into one log would double what they copy, and what is pruned or erased meanwhile would be
    missing in one of the two. A folder that was made for this, and gets nothing else, is not left."""
    made = [each for each in (settings.live, settings.data) if not each.exists()]
    settings.live.mkdir(parents=True, exist_ok=True)
    locks = {
        settings.live / "log-copy.lock": "another `dwell log`",
        settings.live / "forget.lock": "`dwell forget`, `dwell prune` or `dwell backup`",
    }
    with ExitStack() as held:
        for lock, by in locks.items():
            refusal = f"{settings.live} is being worked in by {by}: wait for it"
            held.enter_context(alone(lock, AlreadyRunning(refusal)))
        try:
            yield
        finally:
            if made and {*settings.live.iterdir()} == {*locks}:
                with suppress(OSError):
                    for lock in locks:
                        lock.unlink()
                    for each in made:
                        each.rmdir()


@contextmanager
def _stoppable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(SAY_AGAIN, err=True)
        raise
