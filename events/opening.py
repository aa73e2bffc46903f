"""Which log it is: chosen by `DWELL_LOG`."""

from dwell.events.embedded import EmbeddedReader, EmbeddedWriter
from dwell.events.log import LogReader, LogWriter
from dwell.settings import Settings


def open_writer(settings: Settings) -> LogWriter:
    """The appending side. Nothing is opened before its first use."""
    return EmbeddedWriter(
        settings.embedded_log,
        waiting_bytes=settings.waiting_bytes,
        durable_within=settings.durable_within,
    )


def open_reader(settings: Settings) -> LogReader:
    """The reading side. Nothing is opened before its first use."""
    return EmbeddedReader(settings.embedded_log)
