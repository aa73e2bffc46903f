"""The archive, and what a log lets go of by itself, as a topic of Kafka may."""

from collections.abc import Iterator

from dwell.commands.doctor.finding import Finding, note, well, wrong
from dwell.commands.doctor.log import Log
from dwell.commands.doctor.warehouse import seconds
from dwell.events.log import Retention


def of_archive(log: Log) -> Iterator[Finding]:
    """Whether archive and log can be read as one, if there is an archive."""
    if log.archive_trouble:
        yield wrong(
            "archive",
            log.archive_trouble,
            "until then `dwell archive`, `dwell prune` and `dwell replay` refuse it",
        )
    elif log.archive is not None:
        many = sum(each.records for each in log.archive.files)
        yield well("archive", f"the archive has {many:,} records, and the log goes on from there")


def of_retention(log: Log) -> Iterator[Finding]:
    """Whether facts are in the archive before the log lets go of them by itself."""
    found = log.retention
    if found is None:
        yield note(
            "retention",
            f"{log.name} did not say how long it keeps facts; this client may not be allowed to ask",
            "see that its retention.ms and retention.bytes are -1, or that `dwell archive` runs in time",
        )
    elif found.compacts:
        yield wrong(
            "retention",
            f"{log.name} lets go of facts when later ones of the same visitor come (cleanup.policy)",
            "set cleanup.policy to delete",
        )
    elif found != Retention():
        yield _before_it_ends(log, found)


def of_ahead(log: Log) -> Iterator[Finding]:
    """Whether facts are kept while a site's clock is ahead."""
    if log.ahead is not None:
        yield note(
            "facts ahead",
            f"{log.name} refuses facts of a clock that is {seconds(log.ahead)} ahead or more",
            "set message.timestamp.after.max.ms of the topic to 9223372036854775807",
        )


def _before_it_ends(log: Log, retention: Retention) -> Finding:
    age = "" if retention.seconds is None else f" for {seconds(retention.seconds)}"
    size = "" if retention.bytes is None else f" in {retention.bytes:,} bytes of each partition"
    keeps = f"{log.name} keeps facts{age}{size}"
    daily = "have `dwell archive` run once a day, or set retention.ms and retention.bytes to -1"
    if log.archive is None or log.archive_trouble:
        return wrong("retention", f"{keeps}, and there is no archive that goes with it", daily)
    oldest = max((each.seconds for each in log.unarchived.values()), default=0.0)
    said = f"{keeps}, and the oldest that is not in the archive is {seconds(oldest)} old"
    if not any(each.records for each in log.unarchived.values()):
        return well("retention", f"{keeps}, and the archive has everything that the log has")
    if retention.seconds is not None and oldest > retention.seconds / 2:
        return wrong("retention", said, daily)
    if retention.bytes is not None:
        return note("retention", said, daily)
    return well("retention", said)
