"""The log that a data folder's warehouse was made from, and whether `DWELL_LOG` names it.

Facts must not be acknowledged into another one: this warehouse would never have them.
"""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from dwell.errors import LogError, LogMismatch, LogUnavailable, WarehouseError
from dwell.events.log_file import open_to_read
from dwell.events.opening import open_reader, quiet
from dwell.settings import Settings
from dwell.warehouse.published import Published

ANSWER_SECONDS = 2.0
"""How long brokers are waited for that may be away; the projector asks them again."""


def refuse_other(settings: Settings, path: Path, identity: str | None, *, ask: bool) -> None:
    """Make sure that `DWELL_LOG` names the log of this identity, which a warehouse was made from, as far
    as that can be told now: brokers that are away name no cluster.

    Args:
        ask: whether Kafka's brokers are asked, for ANSWER_SECONDS at most.

    Raises:
        LogMismatch: it names another one, or none where there was one.
    """
    if identity is None:
        return
    found = at_hand(settings, identity)
    if found is None and ask:
        found = asyncio.run(_asked(settings))
    if found not in (None, identity):
        raise LogMismatch(
            f"{misfit(settings, found or '', identity)}, which {path} was made from; `dwell log move`"
            " moves to another log, DWELL_DATA names another folder, and when"
            f" {settings.warehouse} is moved away, it is made anew from the log that DWELL_LOG names"
        )


def require_there(settings: Settings) -> None:
    """Make sure that there is a log to be asked; who only asks makes none. Kafka tells that itself.

    Raises:
        LogUnavailable: there is no file.
    """
    if settings.kafka_servers or settings.embedded_log.exists():
        return
    identity = identity_in(settings.published) if settings.published.exists() else None
    if identity is not None:
        why = f"{misfit(settings, '', identity)}, which {settings.published} was made from"
        raise LogUnavailable(why)
    raise LogUnavailable(
        f"DWELL_LOG is '{settings.log}', and there is no log at {settings.embedded_log}: expected the one"
        f" that the facts are in; DWELL_DATA is '{settings.data}'"
    )


def misfit(settings: Settings, found: str, identity: str) -> str:
    """Which log `DWELL_LOG` names, and which one was expected. `found` is empty where there is none."""
    what = f"the log {found}" if found else f"and there is no log at {settings.embedded_log}"
    if found == settings.log:
        what = "another log"
    return f"DWELL_LOG is '{settings.log}', {what}: expected {as_setting(settings, identity)}"


def identity_in(path: Path) -> str | None:
    """The log that a warehouse was made from; `None`: from none yet, or the file cannot be read now."""
    try:
        warehouse = Published(path)
    except WarehouseError:
        return None
    try:
        told = warehouse.query("select value from projection_info where name = 'log_identity'")
        return str(told[0][0]) if told else None
    except WarehouseError:
        return None
    finally:
        warehouse.close()


def at_hand(settings: Settings, identity: str) -> str | None:
    """The log that `DWELL_LOG` names, as far as nobody need be asked for it.

    Returns:
        the identity of an embedded log, empty if there is none; the setting, of a topic that cannot be
        the one of this `identity`; `None` if it cannot be told.
    """
    if not settings.kafka_servers:
        return _embedded(settings.embedded_log)
    if not (identity.startswith("kafka:") and identity.endswith(f"/{settings.kafka_topic}")):
        return settings.log
    return None


def as_setting(settings: Settings, identity: str) -> str:
    """A log by its identity, as `DWELL_LOG` names it, as far as that is known."""
    kind, _, rest = identity.partition(":")
    if kind == "kafka":
        cluster, _, topic = rest.partition("/")
        return f"kafka://HOST:PORT/{topic} with a broker of the cluster {cluster}"
    if kind != "embedded":
        return f"the log {identity}"
    usual = settings.live / "log.sqlite"
    if _embedded(usual) == identity:
        return f"embedded:, the log {rest} in {usual}"
    return f"embedded:FILE with the file of the log {rest}"


def _embedded(path: Path) -> str | None:
    """The identity of the log in a file; empty if there is none, `None` if it cannot be read."""
    if not path.exists():
        return ""
    try:
        with contextlib.closing(open_to_read(path)) as connection:
            (identity,) = connection.execute("select identity from log").fetchone()
    except (LogError, sqlite3.Error):
        return None
    return str(identity)


async def _asked(settings: Settings) -> str | None:
    quiet(settings)
    reader = open_reader(settings)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await reader.identity()
    except (LogUnavailable, TimeoutError):
        return None
    finally:
        await reader.close()
