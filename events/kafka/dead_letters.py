"""The dead-letter topic, beside the topic that is the log."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from dwell.events.dead_letters import LARGEST, DeadLetter, DeadLetterTopic, headers_of
from dwell.events.kafka.connection import Connection
from dwell.events.kafka.topic import Plan, Topic
from dwell.events.kafka.writer import COMPRESSION, OPEN_SECONDS, STOP_SECONDS, abandon

SUFFIX = ".dead-letters"
"""What its name has behind the log's."""
REQUEST_BYTES = LARGEST + 2**20
"""Bytes of the largest request, and of the largest record of the topic: a letter is longer than
the record was, by its headers."""


class LetterPlan(Plan):
    """How the topic is made: as the log's, with room for the headers."""

    def configuration(self, replication: int) -> dict[str, str]:
        """As the log's, and records may be larger."""
        return super().configuration(replication) | {"max.message.bytes": str(REQUEST_BYTES)}


class KafkaDeadLetters(DeadLetterTopic):
    """Sends letters to the topic, one call at a time. Nothing is connected before the first one.

    Whatever goes wrong, the next call begins with a new connection.
    """

    def __init__(self, log: Connection, plan: Plan) -> None:
        """`log` and `plan` are those of the log itself."""
        name = log.topic + SUFFIX
        self._source = log.topic
        self._plan = LetterPlan(*astuple(plan))
        self._connection = replace(log, topic=name, name=f"the dead-letter topic {name}")
        self._producer: Any = None

    async def forward(self, letters: Sequence[DeadLetter]) -> None:
        """As the contract says; a letter whose key is empty or not known has none there."""
        try:
            async with self._connection.answering(OPEN_SECONDS):
                producer = await self._opened()
                await asyncio.gather(*[await self._send(producer, each) for each in letters])
        except BaseException:
            await self._let_go()
            raise

    async def close(self) -> None:
        """As the contract says."""
        if self._producer is not None:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._producer.stop()
        await self._let_go()

    async def _send(self, producer: Any, letter: DeadLetter) -> "asyncio.Future[Any]":
        """Send one on its way; what is returned says when it is durable."""
        acknowledgement: asyncio.Future[Any] = await producer.send(
            self._connection.topic,
            letter.value,
            letter.key or None,
            timestamp_ms=letter.timestamp,
            headers=headers_of(letter, self._source),
        )
        return acknowledgement

    async def _opened(self) -> Any:
        """The producer; the topic is there before it names it."""
        if self._producer is None:
            topic = Topic(self._connection, self._plan)
            try:
                await topic.ensure()
            finally:
                await topic.close()
            self._producer = AIOKafkaProducer(
                **self._connection.options,
                acks="all",
                enable_idempotence=True,
                max_request_size=REQUEST_BYTES,
                compression_type=COMPRESSION,
            )
            await self._producer.start()
        return self._producer

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(producer)
