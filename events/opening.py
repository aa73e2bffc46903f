"""Which log it is: chosen by `DWELL_LOG`."""

from dwell.errors import SettingInvalid
from dwell.events.dead_letters import DeadLetterTopic
from dwell.events.embedded import EmbeddedReader, EmbeddedWriter
from dwell.events.log import LogReader, LogWriter
from dwell.settings import Settings


def open_writer(settings: Settings) -> LogWriter:
    """The appending side. Nothing is opened before its first use.

    Raises:
        SettingInvalid: a file that the settings name for Kafka cannot be used.
    """
    if settings.kafka_servers:
        from dwell.events.kafka.connection import Connection
        from dwell.events.kafka.topic import Plan
        from dwell.events.kafka.writer import KafkaWriter

        return KafkaWriter(
            Connection.of(settings),
            Plan.of(settings),
            waiting_bytes=settings.waiting_bytes,
            durable_within=settings.durable_within,
        )
    return EmbeddedWriter(
        settings.embedded_log,
        waiting_bytes=settings.waiting_bytes,
        durable_within=settings.durable_within,
        keep_free=settings.keep_free,
    )


def open_reader(settings: Settings, *, make: bool = False) -> LogReader:
    """The reading side. Nothing is opened before its first use.

    Args:
        make: whether a topic of Kafka that is missing is made. Who only asks leaves nothing behind.

    Raises:
        SettingInvalid: as `open_writer`.
    """
    if settings.kafka_servers:
        from dwell.events.kafka.connection import Connection
        from dwell.events.kafka.reader import KafkaReader
        from dwell.events.kafka.topic import Plan

        plan = Plan.of(settings) if make else None
        return KafkaReader(Connection.of(settings), plan, settings.kafka_group)
    return EmbeddedReader(settings.embedded_log)


def name_of(settings: Settings) -> str:
    """What messages call the log."""
    return f"the log {settings.log if settings.kafka_servers else settings.embedded_log}"


def quiet(settings: Settings) -> None:
    """For processes that are Dwell's own: the log's client says the same once a minute at most."""
    if settings.kafka_servers:
        from dwell.events.kafka.noise import quiet

        quiet()


def open_dead_letters(settings: Settings) -> DeadLetterTopic | None:
    """The topic for dead letters, if there is to be one. Nothing is opened before its first use.

    Raises:
        SettingInvalid: there is to be one, and the log has no topics; or as `open_writer`.
    """
    if not settings.dead_letter_topic:
        return None
    if settings.kafka_servers:
        from dwell.events.kafka.connection import Connection
        from dwell.events.kafka.dead_letters import KafkaDeadLetters
        from dwell.events.kafka.topic import Plan

        return KafkaDeadLetters(Connection.of(settings), Plan.of(settings))
    raise SettingInvalid(
        f"DWELL_DEAD_LETTER_TOPIC is 'true': expected false while DWELL_LOG is '{settings.log}',"
        " for an embedded log has no topics; `dwell dead-letters list` shows them all the same"
    )
