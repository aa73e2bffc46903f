"""What `dwell forget` does, in the order in which it tells of it."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from dwell.commands.forget.searching import Search, Searched
from dwell.consumers.forgetting import Forgetting, kept, lives
from dwell.errors import WarehouseError
from dwell.events import blanking
from dwell.events.opening import quiet
from dwell.settings import Settings
from dwell.warehouse import remains
from dwell.warehouse.archive import Archive


def run(
    settings: Settings, visitors: Sequence[str], *, dry_run: bool, proof: bool, wait: float
) -> int:
    """Forget, search, or say what would go; returns the exit status.

    Raises:
        DwellError: it could not be done.
    """
    quiet(settings)
    further = _their_own(settings, visitors) if proof else []
    unknown = [] if dry_run else _unknown(settings, visitors)
    undone = [] if dry_run else _forget(settings, visitors, wait)
    if dry_run and not proof:
        _foretell(settings, visitors)
    for visitor in unknown:
        click.echo(
            f"dwell: nobody by the id {visitor} was in the published warehouse: expected one that"
            " tracking_session.visitor_id shows; what the log had of it is erased all the same",
            err=True,
        )
    found = _search(settings, visitors, further) if proof else 0
    _say_what_stays(settings)
    return 2 if undone else found


def _their_own(settings: Settings, visitors: Sequence[str]) -> list[str]:
    """Their sessions and pageviews, as far as what is published knows them, before they go."""
    found: list[str] = []
    for each in lives(settings):
        if each.publication.exists():
            found += remains.sole_ids(each.publication, visitors)
    return found


def _unknown(settings: Settings, visitors: Sequence[str]) -> list[str]:
    """Those of whom no published warehouse knows a session, nor that they were forgotten before."""
    unknown = list(visitors)
    for each in lives(settings):
        if each.publication.exists():
            erased = remains.erased_in(each.publication).erasures
            unknown = [
                visitor
                for visitor in unknown
                if visitor not in erased and not remains.sole_ids(each.publication, [visitor])
            ]
    return unknown


def _foretell(settings: Settings, visitors: Sequence[str]) -> None:
    if not settings.kafka_servers:
        records = blanking.covered(settings.embedded_log, dict.fromkeys(visitors, 2**62))
        click.echo(f"{settings.embedded_log}: {records} records")
    for path in _holding(settings):
        try:
            rows = remains.in_file(path, visitors).rows
        except WarehouseError as error:
            click.echo(f"dwell: {error}", err=True)
            continue
        told = ", ".join(f"{count} by {column}" for column, count in rows.items())
        click.echo(f"{path}: {told or 'nothing'}")


def _holding(settings: Settings) -> Iterator[Path]:
    """The files that visitors are erased from, but for the live warehouses: these hold what the
    published ones do, and what came since."""
    yield from (each.publication for each in lives(settings) if each.publication.exists())
    yield from kept(settings)
    archive = Archive.open(settings.archive_folder)
    if archive is not None:
        yield from (archive.folder / each.path for each in archive.manifest.files)


def _forget(settings: Settings, visitors: Sequence[str], wait: float) -> list[str]:
    """Returns what is not done yet."""
    until = dict.fromkeys(visitors, int(1000 * time.time()))
    done = Forgetting(settings, until, wait=wait, say=click.echo).run()
    for line in done.undone:
        click.echo(f"dwell: {line}", err=True)
    return done.undone


def _say_what_stays(settings: Settings) -> None:
    if settings.kafka_servers:
        topic = settings.kafka_topic
        click.echo(
            f"What stays: the topic {topic} keeps the visitors' records until its retention ends, and so"
            f" does {topic}.dead-letters if there is one. Kafka lets nobody take them out, and no search"
            " looks into them."
        )


def _search(settings: Settings, visitors: Sequence[str], further: Sequence[str]) -> int:
    """Search every file and tell of each; returns the exit status."""
    ids = len({*visitors, *further})
    click.echo(f"Searching every file for {ids} ids.")
    results = [_told(each) for each in Search(settings, visitors, further).run()]
    found = sum(bool(each.found) for each in results)
    failed = sum(each.problem is not None for each in results)
    left = f"something is left in {found}" if found else "nothing is left"
    more = f", {failed} could not be searched" if failed else ""
    click.echo(f"{len(results)} files: {left}{more}")
    return 2 if failed and not found else 1 if found else 0


def _told(searched: Searched) -> Searched:
    lines = [*(f"FOUND {each}" for each in searched.found)]
    if searched.problem:
        lines.append(f"could not be searched: {searched.problem}")
    if searched.orders:
        lines.append("the order to forget stands in it, on purpose")
    lines += searched.notes
    click.echo(f"{_short(searched.path)} ({searched.kind}): {'; '.join(lines) or 'nothing'}")
    return searched


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
