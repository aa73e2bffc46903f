"""The dead-letter topic, beside the topic that is the log."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
)

from dwell.errors import LogUnavailable
from dwell.events.dead_letters import LARGEST, DeadLetter, DeadLetterTopic, Outcome, headers_of
from dwell.events.kafka.connection import LET_GO_SECONDS, Connection
from dwell.events.kafka.topic import Plan, Topic
from dwell.events.kafka.writer import COMPRESSION, OPEN_SECONDS, abandon

SUFFIX = ".dead-letters"
"""What its name has behind the log's."""
REQUEST_BYTES = LARGEST + 2**20
"""Bytes of the largest request, and of the largest record of the topic: a letter is longer than
the record was, by its headers."""
REFUSALS = {
    MessageSizeTooLargeError: "it has no room for so long a record: expected more max.message.bytes",
    RecordListTooLargeError: "it has no room for so long a record: expected more segment.bytes",
    RecordTooLargeError: "it has no room for so long a record: expected more max.message.bytes",
    InvalidTimestampError: "it does not take the record's timestamp: expected wider limits, "
    "message.timestamp.before.max.ms and message.timestamp.after.max.ms",
}
"""What is answered for good to a record as it is, and what would be right."""


class LetterPlan(Plan):
    """How the topic is made: as the log's, with room for the headers."""

    def configuration(self, replication: int) -> dict[str, str]:
        """As the log's, and records may be larger."""
        return super().configuration(replication) | {"max.message.bytes": str(REQUEST_BYTES)}


class KafkaDeadLetters(DeadLetterTopic):
    """Sends letters to the topic, one call at a time. Nothing is connected before the first one.

    Whatever goes wrong, the next call begins with a new connection. The producer is not idempotent:
    a letter may come twice in any case, and so a batch that is refused has no others behind it refused.
    """

    def __init__(self, log: Connection, plan: Plan) -> None:
        """`log` and `plan` are those of the log itself."""
        name = log.topic + SUFFIX
        self._source = log.topic
        self._plan = LetterPlan(*astuple(plan))
        self._connection = replace(log, topic=name, name=f"the dead-letter topic {name}")
        self._producer: Any = None

    async def forward(self, letters: Sequence[DeadLetter]) -> Outcome:
        """As the contract says; a letter whose key is empty or not known has none there."""
        outcome = Outcome()
        try:
            async with self._connection.answering(OPEN_SECONDS):
                await self._deliver(letters, outcome)
        except LogUnavailable as error:
            await self._let_go()
            outcome.trouble = error
        except BaseException:
            await self._let_go()
            raise
        return outcome

    async def close(self) -> None:
        """As the contract says."""
        if self._producer is not None:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(LET_GO_SECONDS):
                    await self._producer.stop()
        await self._let_go()

    async def _deliver(self, letters: Sequence[DeadLetter], outcome: Outcome) -> None:
        """Send them together, and what was refused once more alone: a batch is refused as a whole."""
        producer = await self._opened()
        suspects = await self._attempt(producer, letters, outcome)
        for letter in suspects:
            for refused, error in (await self._attempt(producer, [letter], outcome)).items():
                outcome.refused[refused.place] = REFUSALS[type(error)]

    async def _attempt(
        self, producer: Any, letters: Iterable[DeadLetter], outcome: Outcome
    ) -> dict[DeadLetter, Exception]:
        """Note those that are acknowledged, whatever goes wrong; returns those that are refused.

        Raises:
            KafkaError: others failed.
        """
        failed: dict[DeadLetter, Exception] = {}
        under_way: dict[asyncio.Future[Any], DeadLetter] = {}
        try:
            for letter in letters:
                try:
                    under_way[await self._send(producer, letter)] = letter
                except MessageSizeTooLargeError as error:
                    failed[letter] = error
            if under_way:
                await asyncio.wait(under_way)
        finally:
            for acknowledgement, letter in under_way.items():
                if not acknowledgement.done() or acknowledgement.cancelled():
                    continue
                wrong = acknowledgement.exception()
                if wrong is None:
                    outcome.durable.add(letter.place)
                elif isinstance(wrong, Exception):
                    failed[letter] = wrong
        for wrong in failed.values():
            if type(wrong) not in REFUSALS:
                raise wrong
        return failed

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
                max_request_size=REQUEST_BYTES,
                compression_type=COMPRESSION,
            )
            await self._producer.start()
        return self._producer

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(producer)
