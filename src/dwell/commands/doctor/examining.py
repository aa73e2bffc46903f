"""The examination: what is looked at, in this order."""

import asyncio
from collections.abc import Iterator

from dwell.commands.doctor import places, versions, warehouse
from dwell.commands.doctor.clock import clock
from dwell.commands.doctor.finding import Finding, note, well, wrong
from dwell.commands.doctor.log import Log, ask
from dwell.commands.doctor.origins import origin
from dwell.commands.doctor.processes import processes, projector
from dwell.commands.doctor.retention import of_ahead, of_archive, of_retention
from dwell.commands.doctor.warehouse import Warehouse, seconds
from dwell.errors import DwellError
from dwell.settings import Settings


def examine(settings: Settings, within: float, asked: str | None = None) -> list[Finding]:
    """Look at everything; nothing is changed.

    Args:
        within: seconds for which a fact may be missing in what is published.
        asked: an origin, whether its pages may send facts.
    """
    if closed := list(places.closed(settings)):
        return closed
    published = warehouse.read(settings)
    held = None if published.trouble else published.positions
    log = asyncio.run(ask(settings, held))
    it = of_log(log, published)
    return [
        *versions.versions(settings),
        *places.folders(settings),
        *places.secrets(settings),
        *places.space(settings),
        *places.log_space(settings),
        it,
        warehouse.warehouse(settings, published),
        *(of_lag(settings, log, within) if it.verdict == "well" else ()),
        *(of_pruning(settings, log) if it.verdict == "well" else ()),
        *(of_archive(log) if it.verdict == "well" else ()),
        *(of_retention(log) if it.verdict == "well" else ()),
        *(of_ahead(log) if it.verdict == "well" else ()),
        clock(log.future),
        *([warehouse.dead_letters(published)] if published.there and held is not None else []),
        *processes(settings),
        *of_dashboard(settings),
        *of_keys(settings),
        *([] if asked is None else [origin(settings, asked)]),
    ]


def of_log(log: Log, published: Warehouse) -> Finding:
    """Whether it can be read, and is the one that the warehouse was made from."""
    known = published.info.get("log_identity")
    if log.missing and known is None:
        return note("log", f"{log.name} is not there yet", "the site makes it with the first fact")
    if log.missing:
        return wrong(
            "log",
            f"{log.name} is gone, and the warehouse was made from it ({known})",
            "bring it back from a copy, or say with DWELL_LOG where it is; until then no fact is read",
        )
    if log.trouble and log.unreadable:
        return wrong(
            "log",
            log.trouble,
            "stop site and projector, keep the file, and see docs/keeping.md, A lost log",
        )
    if log.trouble:
        return wrong(
            "log", log.trouble, "facts wait in browsers, and the projector waits, until it answers"
        )
    if known not in (None, log.identity):
        return wrong(
            "log",
            f"{log.name} is {log.identity}, and the warehouse was made from {known}",
            "say with DWELL_LOG where that one is, or give DWELL_DATA another folder",
        )
    many = sum(end - start for start, end in log.bounds.values())
    partitions = "one partition" if len(log.bounds) == 1 else f"{len(log.bounds)} partitions"
    return well("log", f"{log.name} has {many:,} records in {partitions}")


def of_lag(settings: Settings, log: Log, within: float) -> Iterator[Finding]:
    """How far people are behind."""
    if log.gap:
        yield wrong(
            "lag",
            log.gap,
            "bring the facts back from a copy of the log, or `dwell replay` from the archive",
        )
    if log.lags is None:
        return
    records = sum(each.records for each in log.lags.values())
    oldest = max((each.seconds for each in log.lags.values()), default=0.0)
    if not records:
        yield well("lag", "what is published has everything that the log has")
        return
    said = f"{records:,} records are not published, the oldest of them {seconds(oldest)} old"
    runs = projector(settings).verdict == "well"
    if oldest <= within:
        yield well("lag", said)
    elif runs:
        yield wrong(
            "lag", said, "see what the projector says; it goes on by itself if it catches up"
        )
    else:
        yield wrong("lag", said, "start the projector: `dwell up`, or `dwell project`")


def of_pruning(settings: Settings, log: Log) -> Iterator[Finding]:
    """Whether the log lets go of old facts, if it is to."""
    if settings.keep_facts_ms is None:
        return
    keeps = f"DWELL_KEEP_FACTS is '{settings.keep_facts}'"
    if settings.kafka_servers:
        yield note(
            "pruning",
            f"{keeps}, and no topic heeds it: what it keeps, its own retention says",
            "say it to the topic (retention.ms), and have `dwell archive` run once a day",
        )
    elif log.overdue:
        yield wrong(
            "pruning",
            f"{keeps}, and {log.overdue:,} records in the log were received longer ago",
            "`dwell prune` drops them, or says why they stay; a projector that has the same setting does "
            "so once an hour",
        )
    else:
        yield well("pruning", f"{keeps}, and the log has nothing that is older")


def of_dashboard(settings: Settings) -> Iterator[Finding]:
    """Whether the dashboard would start with these settings."""
    from dwell.site.dashboard.passwords import Password
    from dwell.site.dashboard.server import require_protection

    try:
        require_protection(settings)
        if settings.dashboard_password_file:
            Password.read(settings.dashboard_password_file)
    except DwellError as error:
        yield wrong("protection", str(error), "the dashboard does not start before that is right")


def of_keys(settings: Settings) -> Iterator[Finding]:
    """Whether the site would start with these keys of servers."""
    from dwell.site.collector.keys import keys_of

    try:
        keys_of(settings)
    except DwellError as error:
        yield wrong("keys", str(error), "the site does not start before that is right")
