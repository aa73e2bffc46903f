"""The settings: one frozen model, read once and handed down."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dwell.errors import SettingInvalid
from dwell.shard import Shard

PREFIX = "DWELL_"

_ORIGIN = re.compile(
    r"(https?)://([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:]+\])(?::([1-9][0-9]{0,4}))?"
)
_SERVER = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[1-9][0-9]{0,4}"
_KAFKA = re.compile(
    rf"kafka://(?P<servers>{_SERVER}(?:,{_SERVER})*)/(?P<topic>(?!\.{{1,2}}$)[A-Za-z0-9._-]{{1,249}})"
)

API_KEY = r"[A-Za-z0-9._-]{1,40}:[0-9a-f]{64}"
"""A server's key as it is kept: a name for it, and the SHA-256 of the key."""


def _words(value: Any) -> Any:
    """A list, as people write one in a variable: `a, b c`."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def _bytes(value: Any) -> Any:
    """A number of bytes, as people write one: `512MiB`, `2 GB`."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]{1,15}) *([KMGT]?)(iB|B)?", value.strip(), re.IGNORECASE)
    if not found:
        raise ValueError(value)
    base = 1024 if (found[3] or "").lower() == "ib" else 1000
    return int(found[1]) * base ** _UNITS[found[2].upper()]


_AGE = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


def _age(value: str) -> str:
    if value and not _AGE.fullmatch(value):
        raise ValueError(value)
    return value


def _days(value: str) -> str:
    if _age(value) and _milliseconds(value) < 24 * 3_600_000:
        raise ValueError(value)
    return value


def _milliseconds(age: str) -> int:
    found = _AGE.fullmatch(age)
    assert found
    return int(found[1]) * _HOURS[found[2]] * 3_600_000


def _prefix(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError(value)
    return value


def _origin(value: str) -> str:
    # As browsers write one: what they would write otherwise could never match.
    found = _ORIGIN.fullmatch(value)
    if not found:
        raise ValueError(value)
    scheme, host, port = found.groups()
    if port and (int(port) > 65_535 or int(port) == {"http": 80, "https": 443}[scheme]):
        raise ValueError(value)
    host = host.lower()
    if host.startswith("["):
        if str(IPv6Address(host[1:-1])) != host[1:-1]:
            raise ValueError(value)
    elif host.rstrip(".").rpartition(".")[2].isdigit():
        IPv4Address(host)
    return value.lower()


def _api_key(value: str) -> str:
    if not re.fullmatch(API_KEY, value):
        raise ValueError(value)
    return value


def _network(value: str) -> str:
    return str(ip_network(value, strict=False))


def _header(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9-]{1,100})?", value):
        raise ValueError(value)
    return value


OF_THIS_MACHINE = ("localtime", "posixrules")
"""Names under which systems keep other time zones than the one of that name."""


def _timezone(value: str) -> str:
    if value in OF_THIS_MACHINE or value.startswith(("posix/", "right/")):
        raise ValueError(value)  # neither DuckDB nor a browser knows it
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(value) from None


def _log(value: str) -> str:
    if value.startswith("embedded:"):
        return value
    found = _KAFKA.fullmatch(value)
    if not found:
        raise ValueError(value)
    for server in found["servers"].split(","):
        if int(server.rpartition(":")[2]) > 65_535:
            raise ValueError(value)
    return value


def _shard(value: str) -> str:
    return str(Shard.parse(value)) if value else value


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _setting(default: Any, description: str, expected: str) -> Any:
    return Field(default=default, description=description, json_schema_extra={"expected": expected})


class Settings(BaseModel):
    """Everything that can be set, each as `DWELL_<NAME>` and as an option of the commands it serves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = _setting(
        Path("data"),
        "Folder for the published warehouse and, in live/, what the processes own.",
        "a folder",
    )
    log: Annotated[str, AfterValidator(_log)] = _setting(
        "embedded:",
        "The log: embedded: is a SQLite file in the data folder, embedded:FILE is another one, "
        "kafka://HOST:PORT,HOST:PORT/TOPIC is a topic of Kafka.",
        "embedded:, embedded:FILE or kafka://HOST:PORT/TOPIC",
    )
    archive: Path | None = _setting(
        None,
        "Folder for the archive of the log; by default archive in the data folder.",
        "a folder",
    )
    topic_partitions: Annotated[int, Field(ge=1, le=10_000)] = _setting(
        6, "Partitions of the topic, if it has to be made.", "a number from 1 to 10000"
    )
    topic_replication: Annotated[int, Field(ge=0, le=32_767)] = _setting(
        0,
        "Replicas of the topic, if it has to be made; 0 is 3, or as many as there are brokers.",
        "a number of replicas, or 0",
    )
    topic_retention_days: Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)] = _setting(
        0,
        "Days for which Kafka keeps facts, if the topic has to be made; 0 is for ever.",
        "a number of days, or 0",
    )
    kafka_group: Annotated[str, Field(min_length=1, max_length=249)] = _setting(
        "dwell",
        "Consumer group under which the projector publishes its progress, for tools that show lag.",
        "a name of at most 249 characters",
    )
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = _setting(
        "plaintext",
        "How Kafka's brokers are spoken to.",
        "plaintext, ssl, sasl_plaintext or sasl_ssl",
    )
    kafka_sasl_mechanism: Literal["plain", "scram-sha-256", "scram-sha-512"] = _setting(
        "plain", "How Kafka is told the password.", "plain, scram-sha-256 or scram-sha-512"
    )
    kafka_username: str = _setting(
        "",
        "User name for Kafka, with sasl_plaintext and sasl_ssl.",
        "a user name, which sasl_plaintext and sasl_ssl need",
    )
    kafka_password_file: Path | None = _setting(
        None,
        "File that holds the password for Kafka.",
        "a file, which sasl_plaintext and sasl_ssl need",
    )
    kafka_ca_file: Path | None = _setting(
        None, "Certificates that Kafka's is checked against; by default the system's.", "a PEM file"
    )
    kafka_cert_file: Path | None = _setting(
        None, "Certificate with which Kafka knows this client.", "a PEM file"
    )
    kafka_key_file: Path | None = _setting(
        None, "Key of that certificate, unless the same file holds it.", "a PEM file"
    )
    host: Annotated[str, Field(min_length=1)] = _setting(
        "127.0.0.1", "Address the site listens on.", "an address"
    )
    port: Annotated[int, Field(ge=1, le=65535)] = _setting(
        8000, "Port the site listens on.", "a number between 1 and 65535"
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = _setting(
        "/dwell",
        "Path under which the collector and the beacon are served.",
        "a path such as /dwell, with a slash before it and none behind",
    )
    allowed_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_words)
    ] = _setting(
        (),
        "Other origins whose pages may send facts, separated by spaces or commas.",
        "origins such as https://shop.example, separated by spaces or commas",
    )
    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_words)
    ] = _setting(
        (),
        "Addresses or networks of proxies whose X-Forwarded-For, -Proto and -Host are believed.",
        "addresses or networks such as 10.0.0.0/8, separated by spaces or commas",
    )
    rate_limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _setting(
        100,
        "Requests a second from one client address, with bursts of ten times that; 0 is off.",
        "a number of requests a second, or 0",
    )
    cookie_samesite: Literal["lax", "none"] = _setting(
        "lax",
        "SameSite of the visitor cookie; none adds Secure and Partitioned, for pages of other sites.",
        "lax or none",
    )
    api_keys: Annotated[
        tuple[Annotated[str, AfterValidator(_api_key)], ...], BeforeValidator(_words)
    ] = _setting(
        (),
        "Keys with which servers may send facts, separated by spaces or commas; without one there is "
        "no endpoint for servers.",
        "NAME:DIGEST for each key, as `dwell key new` prints it, separated by spaces or commas",
    )
    api_keys_file: Path | None = _setting(
        None,
        "File that holds further keys of servers, a line for each.",
        "a file with lines as `dwell key new` prints them",
    )
    honour_opt_out: bool = _setting(
        True, "Keep nothing of visitors who send Sec-GPC or DNT.", "true or false"
    )
    require_consent: bool = _setting(
        False,
        "Let the beacon store and send nothing until a page tells it of consent.",
        "true or false",
    )
    durable_within: Seconds = _setting(
        10.0,
        "Seconds in which the log must have made facts durable before the collector answers 503.",
        "a number of seconds above 0",
    )
    waiting_bytes: Annotated[int, Field(ge=65_536)] = _setting(
        67_108_864,
        "Bytes of facts that may wait for the log; what is beyond is answered 503 at once.",
        "a number of bytes, 65536 or more",
    )
    keep_free: Annotated[int, BeforeValidator(_bytes), Field(ge=0)] = _setting(
        268_435_456,
        "Bytes kept free on the disk of the embedded log; with fewer, facts are answered 503. 0 is off.",
        "a number of bytes, as 268435456, 256MiB or 1GB, or 0",
    )
    keep_facts: Annotated[str, AfterValidator(_age)] = _setting(
        "",
        "How long the embedded log keeps facts; older ones go once they are published and archived. For"
        " ever if empty.",
        "a number of hours, days or weeks, as 12h, 90d or 8w",
    )
    keep_rows: Annotated[str, AfterValidator(_days)] = _setting(
        "",
        "How long the warehouse keeps rows; sessions that began earlier go, with all that is of them. For"
        " ever if empty.",
        "a number of days or weeks, as 400d or 57w, and a day at least",
    )
    session_timeout: Annotated[int, Field(ge=1)] = _setting(
        1800,
        "Seconds without a fact after which the next pageview begins a new session.",
        "a whole number of seconds above 0",
    )
    batch_facts: Annotated[int, Field(ge=1, le=1_000_000)] = _setting(
        40_000,
        "Facts the projector takes into one transaction at most.",
        "a number from 1 to 1000000",
    )
    batch_seconds: Seconds = _setting(
        0.25,
        "Seconds the projector gathers facts before a transaction, unless it has enough of them.",
        "a number of seconds above 0",
    )
    publish_seconds: Seconds = _setting(
        2.0,
        "Seconds between two publications of the warehouse while facts come in, at least.",
        "a number of seconds above 0",
    )
    dead_letter_topic: bool = _setting(
        False,
        "Also send dead letters to a topic of their own, named as the log's topic with"
        " .dead-letters behind it.",
        "true or false",
    )
    shard: Annotated[str, AfterValidator(_shard)] = _setting(
        "",
        "The projector's share of the log's partitions, of so many projectors; all of them if empty.",
        "a share such as 1/3, the first of three",
    )
    broker_port: Annotated[int, Field(ge=1, le=65535)] = _setting(
        9092, "Port that `dwell broker` listens on.", "a number between 1 and 65535"
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = _setting(
        "UTC", "Time zone in which days and hours are counted.", "a name such as Europe/Berlin"
    )

    dashboard_host: Annotated[str, Field(min_length=1)] = _setting(
        "127.0.0.1",
        "Address the dashboard listens on; any but loopback wants a password or a proxy's word.",
        "an address",
    )
    dashboard_port: Annotated[int, Field(ge=1, le=65535)] = _setting(
        8001, "Port the dashboard listens on.", "a number between 1 and 65535"
    )
    dashboard_password_file: Path | None = _setting(
        None,
        "File that holds the hash of the dashboard's password.",
        "a file made by `dwell dashboard --hash-password`",
    )
    dashboard_user_header: Annotated[str, AfterValidator(_header)] = _setting(
        "",
        "Header in which a proxy of DWELL_TRUSTED_PROXIES says who asks for the dashboard; none if empty.",
        "the name of a header such as X-Forwarded-User",
    )

    figures_host: Annotated[str, Field(min_length=1)] = _setting(
        "127.0.0.1",
        "Address on which each process serves its figures and health for operators, if it does.",
        "an address, best a loopback one: whoever reaches it is answered",
    )
    site_figures_port: Port = _setting(
        0, "Port of the site's figures; 0 is none.", "a number between 1 and 65535, or 0"
    )
    projector_figures_port: Port = _setting(
        0,
        "Port of the projector's figures and health; 0 is none.",
        "a number between 1 and 65535, or 0",
    )
    dashboard_figures_port: Port = _setting(
        0, "Port of the dashboard's figures; 0 is none.", "a number between 1 and 65535, or 0"
    )
    messages: Literal["text", "json"] = _setting(
        "text",
        "How site, projector and dashboard say what happens: lines for people, or JSON objects.",
        "text or json",
    )

    @classmethod
    def read(
        cls,
        options: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """The settings from options first, then from `DWELL_…` variables, then their defaults.

        Args:
            options: by field name; `None` means not given.
            environ: defaults to the process's own. Unknown `DWELL_…` variables are left alone:
                they may belong to another version or to the tests.

        Raises:
            SettingInvalid: names the option or variable, its value and what would be right.
        """
        given = {name: value for name, value in (options or {}).items() if value is not None}
        environ = os.environ if environ is None else environ
        found = {
            name: environ[variable_of(name)]
            for name in cls.model_fields
            if environ.get(variable_of(name), "") != ""
        }
        for name in SECRETS:
            bare = variable_of(name.removesuffix("_file"))
            if environ.get(bare):
                raise SettingInvalid(
                    f"{bare} is set, where everybody who sees the environment can read it: expected "
                    f"{variable_of(name)} with the name of a file that holds it"
                )
        values = found | given
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else first["ctx"]["name"]
            label = option_of(name) if name in given else variable_of(name)
            expected = first.get("ctx", {}).get("expected_here", expected_of(name))
            raise SettingInvalid(_refusal(label, str(values.get(name, "")), expected)) from None

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        security = self.kafka_security
        if security.startswith("sasl"):
            for name in ("kafka_username", "kafka_password_file"):
                if not getattr(self, name):
                    raise PydanticCustomError("setting", "{name} is missing", {"name": name})
        else:
            self._refuse(("kafka_username", "kafka_password_file"), "sasl_plaintext or sasl_ssl")
        if not security.endswith("ssl"):
            files = ("kafka_ca_file", "kafka_cert_file", "kafka_key_file")
            self._refuse(files, "ssl or sasl_ssl")
        if self.kafka_key_file and not self.kafka_cert_file:
            expected = "none without DWELL_KAFKA_CERT_FILE, the certificate that the key belongs to"
            raise _in_vain("kafka_key_file", expected)
        return self

    def _refuse(self, names: tuple[str, ...], security: str) -> None:
        """Let none of these be given in vain, as a password that nobody asks for."""
        for name in names:
            if getattr(self, name):
                expected = f"none while DWELL_KAFKA_SECURITY is {self.kafka_security!r}, or"
                raise _in_vain(name, f"{expected} {security} there")

    def environment(self) -> dict[str, str]:
        """The variables from which `read` makes these settings again."""
        return {
            variable_of(name): _written(getattr(self, name)) for name in type(self).model_fields
        }

    @property
    def live(self) -> Path:
        """The folder that belongs to the processes."""
        return self.data / "live"

    @property
    def published(self) -> Path:
        """The warehouse that people open."""
        return self.data / "warehouse.duckdb"

    @property
    def archive_folder(self) -> Path:
        """The folder of the archive."""
        return self.archive or self.data / "archive"

    @cached_property
    def keep_facts_ms(self) -> int | None:
        """`keep_facts` in milliseconds; `None` is for ever."""
        return _milliseconds(self.keep_facts) if self.keep_facts else None

    @cached_property
    def keep_rows_for(self) -> timedelta | None:
        """`keep_rows` as a time; `None` is for ever."""
        return timedelta(milliseconds=_milliseconds(self.keep_rows)) if self.keep_rows else None

    @property
    def publication(self) -> Path:
        """What the projector publishes: `published`, or its shard of it."""
        return self.published if self.share is None else self.share.beside(self.published)

    @cached_property
    def share(self) -> Shard | None:
        """`shard`, parsed; `None` if there is one projector for all."""
        return Shard.parse(self.shard) if self.shard else None

    def owns(self, partition: int) -> bool:
        """Whether the projector reads this partition of the log."""
        return self.share is None or self.share.owns(partition)

    @property
    def warehouse(self) -> Path:
        """The warehouse the projector writes."""
        if self.share is None:
            return self.live / "warehouse.duckdb"
        return self.live / f"warehouse-{self.share.number}-of-{self.share.count}.duckdb"

    @property
    def kafka_servers(self) -> tuple[str, ...]:
        """Where Kafka is found, as `host:port`; empty with an embedded log."""
        found = _KAFKA.fullmatch(self.log)
        return tuple(found["servers"].split(",")) if found else ()

    @property
    def kafka_topic(self) -> str:
        """The topic that is the log."""
        found = _KAFKA.fullmatch(self.log)
        assert found is not None
        return found["topic"]

    @property
    def embedded_log(self) -> Path:
        """The file of the embedded log."""
        named = self.log.removeprefix("embedded:")
        return Path(named) if named else self.live / "log.sqlite"

    @cached_property
    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`trusted_proxies`, parsed."""
        return tuple(ip_network(text) for text in self.trusted_proxies)


KAFKA = (
    "topic_partitions",
    "topic_replication",
    "topic_retention_days",
    "kafka_security",
    "kafka_sasl_mechanism",
    "kafka_username",
    "kafka_password_file",
    "kafka_ca_file",
    "kafka_cert_file",
    "kafka_key_file",
)
"""The settings of whoever opens a log that may be Kafka's."""
SECRETS = ("kafka_password_file", "kafka_key_file", "dashboard_password_file")
"""The settings that name files which nobody else should read."""
PROCESSES = (
    "data",
    "log",
    *KAFKA,
    "kafka_group",
    "host",
    "port",
    "prefix",
    "shard",
    "dashboard_host",
    "dashboard_port",
)
"""The settings of whoever asks the site, the projector and the dashboard how they are."""


def variable_of(name: str) -> str:
    """The environment variable of a setting: `DWELL_PORT` for `port`."""
    return PREFIX + name.upper()


def option_of(name: str) -> str:
    """The option of a setting: `--trusted-proxies` for `trusted_proxies`."""
    return "--" + name.replace("_", "-")


def expected_of(name: str) -> str:
    """What would be right for a setting, for messages and the docs."""
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["expected"])


def default_of(name: str) -> str:
    """The default of a setting as a person would write it."""
    return _written(Settings.model_fields[name].default)


def _in_vain(name: str, expected: str) -> PydanticCustomError:
    said = {"name": name, "expected_here": expected}
    return PydanticCustomError("setting", "{name} is given in vain: expected {expected_here}", said)


def _refusal(label: str, value: str, expected: str) -> str:
    """What is said of a value that cannot be used; a password in an address is not, nor what may be a key."""
    if label in (option_of("api_keys"), variable_of("api_keys")):
        return f"{label} holds something that is no digest of a key: expected {expected}"
    if label not in (option_of("log"), variable_of("log")) or "@" not in value:
        return f"{label} is {value!r}: expected {expected}"
    masked = re.sub(r"\A(\w+:/*)?.*@", r"\1***@", value, flags=re.DOTALL)
    return (
        f"{label} is {masked!r}: expected {expected}, with the user's name in DWELL_KAFKA_USERNAME "
        "and the password in the file that DWELL_KAFKA_PASSWORD_FILE names"
    )


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value) if isinstance(value, tuple) else str(value)
