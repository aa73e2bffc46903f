"""The topic itself: made if it is missing, and asked about by an administrator's connection."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidConfigurationError,
    InvalidReplicationFactorError,
    KafkaError,
    NodeNotReadyError,
    TopicAlreadyExistsError,
    for_code,
)

from dwell.errors import LogUnavailable
from dwell.events.kafka.connection import Connection, find_again
from dwell.events.log import Retention
from dwell.settings import Settings

USUAL_REPLICATION = 3
"""Replicas of a topic that has to be made, where there are so many brokers."""
APPEAR_SECONDS = 5.0
"""How long a topic that was made may take to have a leader for each partition."""
AHEAD = "message.timestamp.after.max.ms"
"""How far ahead of a broker's clock a record's time may be; an hour, where Kafka 4 is told nothing."""
ANY_TIME = 2**63 - 1
GONE_SECONDS = 60.0
"""After which a partition is gone of which brokers tell no more."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How a topic is made.

    Attributes:
        replication: 0 stands for three, or as many as there are brokers.
        retention_ms: -1 keeps records for ever.
    """

    partitions: int
    replication: int
    retention_ms: int

    @classmethod
    def of(cls, settings: Settings) -> "Plan":
        """What the settings say."""
        days = settings.topic_retention_days
        return cls(
            settings.topic_partitions,
            settings.topic_replication,
            int(days * 86_400_000) if days else -1,
        )

    def configuration(self, replication: int) -> dict[str, str]:
        """The topic's own settings; what a broker has as its default does not count.

        With three replicas or more, two must have a record before it is durable: the loss of one
        broker neither loses a fact nor stops the log.
        """
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "message.timestamp.type": "CreateTime",
            AHEAD: str(ANY_TIME),
            "min.insync.replicas": "2" if replication >= USUAL_REPLICATION else "1",
        }


class Topic:
    """A topic by its name. It is opened by the first question; questions may be asked side by side.

    A topic that is missing is made here, by an administrator's request: were it first named by a
    producer or a consumer, the broker could make it by itself, with a partition count of its own.
    """

    def __init__(self, connection: Connection, plan: Plan | None) -> None:
        """Without a plan it is never made: who only asks leaves nothing behind."""
        self._connection = connection
        self._plan = plan
        self._admin: Any = None
        self._made = False
        self._seen: set[int] = set()
        self._missing: dict[int, float] = {}
        self._opening = asyncio.Lock()
        self._least_in_sync = 1

    async def ensure(self) -> None:
        """Make the topic unless it is there.

        Raises:
            LogUnavailable: it is missing, and cannot or must not be made.
            KafkaError, OSError: the brokers do not answer, or refuse.
        """
        await self._connect()
        async with self._opening:
            if not self._made:
                await self._make()
                self._made = True

    async def identity(self) -> str:
        """The cluster's id and the name: what tells this topic from every other one. A topic that
        must not be made need not be there.

        Raises: as `ensure`.
        """
        await (self._connect() if self._plan is None else self.ensure())
        cluster = await self._admin.describe_cluster()
        return f"kafka:{cluster['cluster_id']}/{self._connection.topic}"

    async def partitions(self) -> list[int]:
        """Those there are now, ascending. One that was there is gone when no broker has told of it for
        GONE_SECONDS: one that is behind the others may not know of the newest.

        Raises: as `ensure`.
        """
        told = {each["partition"] for each in await self._described()}
        now = time.monotonic()
        since = {each: self._missing.get(each, now) for each in self._seen - told}
        self._missing = {each: at for each, at in since.items() if now - at < GONE_SECONDS}
        self._seen = told | self._missing.keys()
        return sorted(self._seen)

    async def check(self) -> None:
        """Return if each partition has a leader and as many replicas in step as it needs.

        Raises:
            LogUnavailable: a partition has not; the message says which.
            KafkaError, OSError: as `ensure`.
        """
        for each in await self._described():
            in_sync = len(each["isr"])
            if each["leader"] < 0 or in_sync < self._least_in_sync:
                raise LogUnavailable(
                    f"{self._connection.name} takes nothing: partition {each['partition']} has "
                    f"{'no leader' if each['leader'] < 0 else f'{in_sync} replicas in step'}: "
                    f"expected a leader and at least {self._least_in_sync} in step"
                )

    async def retention(self) -> Retention:
        """What the topic lets go of by itself.

        Raises: as `ensure`; KafkaError too where it may not be asked for, LookupError, TypeError or
            ValueError where the brokers answer otherwise than Kafka does.
        """
        await self.ensure()
        policy, milliseconds, most = await self._configured(
            "cleanup.policy", "retention.ms", "retention.bytes"
        )
        policies = {each.strip() for each in policy.split(",")}
        compacts, deletes = "compact" in policies, "delete" in policies
        return Retention(
            int(milliseconds) / 1_000 if deletes and int(milliseconds) >= 0 else None,
            int(most) if deletes and int(most) >= 0 else None,
            compacts,
        )

    async def ahead(self) -> float | None:
        """How many seconds ahead of the brokers' clocks a record's time may be; `None`: any number.

        Raises: as `retention`.
        """
        await self.ensure()
        try:
            (milliseconds,) = await self._configured(AHEAD)
        except LookupError:  # brokers before Kafka 3.6
            return None
        return None if int(milliseconds) == ANY_TIME else int(milliseconds) / 1_000

    async def delete(self, before: dict[TopicPartition, RecordsToDelete]) -> None:
        """Have the records before an offset be gone, as retention does.

        Raises: as `ensure`.
        """
        await self.ensure()
        await self._admin.delete_records(before)

    async def close(self) -> None:
        """Let go of the connection; a later question makes a new one."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def _connect(self) -> None:
        async with self._opening:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._connection.options)
                try:
                    await admin.start()
                except BaseException:
                    await admin.close()
                    raise
                find_again(admin._client)
                self._admin = admin

    async def _make(self) -> None:
        if self._connection.topic not in await self._admin.list_topics():
            if self._plan is None:
                raise LogUnavailable(
                    f"{self._connection.name} is not there: expected a topic of that name, or one to "
                    "be made by the site, or by a projector whose warehouse belongs to no log yet"
                )
            await self._make_by(self._plan)
        self._least_in_sync = await self._asked_in_sync()

    async def _make_by(self, plan: Plan) -> None:
        replication = await self._make_when_brokers_are_there(plan)
        await self._appear()
        logger.info(
            "made %s with %d partitions and %d replicas",
            self._connection.name,
            plan.partitions,
            replication,
        )

    async def _make_when_brokers_are_there(self, plan: Plan) -> int:
        """Make it; returns with how many replicas. A cluster that has just begun, or whose broker
        had stopped for some seconds, answers before it counts a broker in."""
        deadline = asyncio.get_running_loop().time() + APPEAR_SECONDS
        while True:
            replication = plan.replication or await self._usual_replication()
            late = asyncio.get_running_loop().time() >= deadline
            if replication or late:
                try:
                    await self._create(plan, replication)
                    return replication
                except (LogUnavailable, NodeNotReadyError):
                    if late or await self._usual_replication():
                        raise
            await asyncio.sleep(0.1)

    async def _create(self, plan: Plan, replication: int) -> None:
        """
        Raises:
            LogUnavailable: it cannot be made like this, or not now; the message says why.
            KafkaError, OSError: as `ensure`.
        """
        configuration = plan.configuration(replication)
        try:
            await self._create_as(plan, replication, configuration)
        except InvalidConfigurationError:  # brokers before Kafka 3.6 know of no such limit
            del configuration[AHEAD]
            await self._create_as(plan, replication, configuration)

    async def _create_as(self, plan: Plan, replication: int, configuration: dict[str, str]) -> None:
        name = self._connection.name
        topic = NewTopic(
            self._connection.topic, plan.partitions, replication, topic_configs=configuration
        )
        try:
            answer = await self._admin.create_topics([topic])
        except AttributeError:  # aiokafka takes for granted that a controller is known
            raise LogUnavailable(
                f"{name} is missing, and the cluster names no controller that could make it: "
                "expected one, or the topic"
            ) from None
        try:
            _raise_for(answer)
        except InvalidReplicationFactorError as error:
            raise LogUnavailable(
                f"{name} cannot be made: DWELL_TOPIC_REPLICATION is {plan.replication}: expected "
                f"as many replicas as there are brokers at most, or 0 ({error})"
            ) from None

    async def _appear(self) -> None:
        """Wait until the topic that was made has its leaders.

        Raises:
            LogUnavailable: it has not, or it cannot be seen.
        """
        deadline = asyncio.get_running_loop().time() + APPEAR_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            found = await self._admin.describe_topics([self._connection.topic])
            if found[0]["partitions"] and all(p["leader"] >= 0 for p in found[0]["partitions"]):
                return
            await asyncio.sleep(0.05)
        raise LogUnavailable(
            f"{self._connection.name} is there and shows no partitions with leaders: expected them, "
            "and the right to describe the topic"
        )

    async def _usual_replication(self) -> int:
        cluster = await self._admin.describe_cluster()
        return min(USUAL_REPLICATION, len(cluster["brokers"]))

    async def _asked_in_sync(self) -> int:
        """The topic's `min.insync.replicas`; 1 where it may not be asked for."""
        try:
            (value,) = await self._configured("min.insync.replicas")
        except (KafkaError, LookupError):
            return 1
        return int(value)

    async def _configured(self, *names: str) -> list[str]:
        """What the topic has of these settings, its own or the broker's.

        Raises:
            KafkaError: it may not be asked for.
            LookupError: there is no such setting.
        """
        resource = ConfigResource(
            ConfigResourceType.TOPIC, self._connection.topic, dict.fromkeys(names)
        )
        (answer,) = await self._admin.describe_configs([resource])
        found: dict[str, str] = {}
        for error, message, _kind, _name, entries in answer.resources:
            if error:
                raise for_code(error)(message)
            found |= {name: value for name, value, *_ in entries}
        return [found[name] for name in names]

    async def _described(self) -> list[dict[str, Any]]:
        await self.ensure()
        (found,) = await self._admin.describe_topics([self._connection.topic])
        if found["error_code"]:
            raise for_code(found["error_code"])(self._connection.topic)
        partitions: list[dict[str, Any]] = found["partitions"]
        return partitions


def _raise_for(answer: Any) -> None:
    """Raise what the answer to the making of topics says; one that is there already is fine."""
    for _name, code, *said in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(*(text for text in said if text))
