"""How the brokers are reached, and what their failures mean."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from aiokafka.errors import InvalidTimestampError, KafkaConnectionError, KafkaError

from dwell.errors import LogUnavailable, SettingInvalid
from dwell.settings import Settings, expected_of, variable_of

Loaded = TypeVar("Loaded")

REQUEST_SECONDS = 5.0
"""How long one request to a broker may take; then the connection is made anew. What is under way to a
leader that hangs waits so long for a word of the next one: with 10 s that was 25 s and more, with 5 it is 10 to 20."""
METADATA_SECONDS = 10.0
"""How old what is known of the cluster may be: its brokers, leaders and partitions."""
AGAIN_SECONDS = 60.0
"""How long all brokers that are known may be away; then those that `DWELL_LOG` names are asked again."""
LET_GO_SECONDS = 0.5
"""How long a consumer may take to end in order; nothing of it is worth a longer wait."""


@dataclass(frozen=True)
class Connection:
    """A topic on some brokers, and the right to speak to them.

    Attributes:
        name: what messages call the log; it holds no secret.
        options: what every client of aiokafka is given.
    """

    topic: str
    name: str
    options: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Connection":
        """What the settings say; reads the files they name, and connects to nothing.

        Raises:
            SettingInvalid: a file cannot be read, or does not hold what it should.
        """
        options = {
            "bootstrap_servers": list(settings.kafka_servers),
            "client_id": "dwell",
            "request_timeout_ms": int(1000 * REQUEST_SECONDS),
            "metadata_max_age_ms": int(1000 * METADATA_SECONDS),
            "security_protocol": settings.kafka_security.upper(),
        }
        if settings.kafka_security.endswith("ssl"):
            options["ssl_context"] = _ssl_context(settings)
        if settings.kafka_security.startswith("sasl"):
            options |= {
                "sasl_mechanism": settings.kafka_sasl_mechanism.upper(),
                "sasl_plain_username": settings.kafka_username,
                "sasl_plain_password": _password(settings),
            }
        return cls(settings.kafka_topic, f"the log {settings.log}", options)

    @asynccontextmanager
    async def answering(self, within: float) -> AsyncIterator[None]:
        """What is asked of the brokers in a `with`, and how long it may take in seconds.

        Raises:
            LogUnavailable: in place of every failure and of a time that is over.
        """
        try:
            async with asyncio.timeout(within):
                yield
        except TimeoutError:
            raise LogUnavailable(f"{self.name} did not answer within {within:g} s") from None
        except (KafkaError, OSError) as error:
            raise self.explained(error) from error

    def explained(self, error: BaseException) -> LogUnavailable:
        """The failure in one line."""
        if isinstance(error, KafkaConnectionError):
            servers = ", ".join(self.options["bootstrap_servers"])
            return LogUnavailable(
                f"{self.name} failed: no broker that DWELL_LOG names answers: expected one that runs, and"
                f" can be reached from here at {servers}"
            )
        if isinstance(error, InvalidTimestampError):
            return LogUnavailable(
                f"{self.name} refuses the time of a record: expected a clock here that is right, and no"
                " limit of the topic's: message.timestamp.after.max.ms and message.timestamp.before.max.ms"
                " at 9223372036854775807"
            )
        said = " ".join(str(error).split()) or type(error).__name__
        return LogUnavailable(f"{self.name} failed: {said}")


def find_again(client: Any, looks: Callable[[], None] = lambda: None) -> None:
    """Have a client find its cluster again when every broker has been replaced. aiokafka asks those alone
    that it was told of last; behind the names in `DWELL_LOG` others may answer by then.

    Args:
        looks: called before it looks. What it finds may be another cluster.
    """
    update, away_since = client._metadata_update, None

    @wraps(update)
    async def updated(*arguments: Any) -> bool:
        nonlocal away_since
        if await update(*arguments):
            away_since = None
            return True
        now = asyncio.get_running_loop().time()
        away_since = away_since or now
        if now - away_since < AGAIN_SECONDS:
            return False
        looks()
        try:
            await client.bootstrap()
        except KafkaConnectionError:
            return False
        return bool(await update(*arguments))

    client._metadata_update = updated


async def let_go(consumer: Any) -> None:
    """End a consumer whose brokers may be away: its own `stop` waits for them then, or lets out the
    cancellation of a fetch that it was about to try again."""
    stopping = asyncio.create_task(consumer.stop())
    for _ in range(2):
        await asyncio.wait([stopping], timeout=LET_GO_SECONDS)
        if stopping.done():
            break
        stopping.cancel()
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        with suppress(KafkaError, OSError):
            await consumer._client.close()


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    context = _loaded(
        settings, "kafka_ca_file", lambda path: ssl.create_default_context(cafile=path)
    )
    if settings.kafka_cert_file is not None:
        _loaded(
            settings,
            "kafka_cert_file",
            lambda path: context.load_cert_chain(path, settings.kafka_key_file),
        )
    return context


def _password(settings: Settings) -> str:
    return _loaded(settings, "kafka_password_file", _secret)


def _secret(path: Path) -> str:
    try:
        text = path.read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8") from None  # Python's own words would tell of the bytes
    if not text:
        raise ValueError("it is empty")
    return text


def _loaded(settings: Settings, name: str, load: Callable[[Any], Loaded]) -> Loaded:
    """What a file that a setting names holds; without a file, what `load` makes of None."""
    path = getattr(settings, name)
    try:
        return load(path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        problem = getattr(error, "strerror", None) or str(error)
        raise SettingInvalid(
            f"{variable_of(name)} is '{path}': expected {expected_of(name)} ({problem})"
        ) from None
