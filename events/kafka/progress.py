"""How far the projector has come, as the committed offsets of a consumer group."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from dwell.events.kafka.connection import Connection, let_go

EVERY_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""Pause after a failure; a new cluster needs a second or two until it knows of groups."""
AGAIN_SECONDS = 86_400.0
"""How often what has not changed is published again: Kafka forgets a group that has been idle for a week."""
LAST_SECONDS = 1.0
"""How long the last word may take when the reader ends."""

logger = logging.getLogger(__name__)


class Progress:
    """Publishes offsets for tools that show lag. Nobody reads them here, nobody waits for them.

    It has a consumer of its own, which never fetches: trouble with the group, as a missing right,
    keeps no one from reading.
    """

    def __init__(self, connection: Connection, group: str) -> None:
        self._connection = connection
        self._group = group
        self._told: dict[TopicPartition, int] = {}
        self._published: dict[TopicPartition, int] = {}
        self._again_at = 0.0
        self._consumer: Any = None
        self._task: asyncio.Task[None] | None = None
        self._said = False

    def report(self, positions: Mapping[TopicPartition, int]) -> None:
        """Publish these within a second or so."""
        self._told.update(positions)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Publish what was reported last, if that is quickly done."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._consumer is not None:
            with suppress(TimeoutError, KafkaError, OSError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._publish()
            await self._stop()

    async def _run(self) -> None:
        while True:
            pause = EVERY_SECONDS
            try:
                await self._publish()
            except (KafkaError, OSError) as error:
                pause = RETRY_SECONDS
                await self._stop()
                if not self._said:
                    self._said = True
                    logger.warning(
                        "the progress is not published to group %s, trying again: %r",
                        self._group,
                        error,
                    )
            await asyncio.sleep(pause)

    async def _publish(self) -> None:
        told = dict(self._told)
        now = asyncio.get_running_loop().time()
        if told == self._published and now < self._again_at:
            return
        consumer = await self._opened()
        if consumer.assignment() != set(told):
            consumer.assign(list(told))
            for place, offset in told.items():
                consumer.seek(place, offset)
            consumer.pause(*told)
        await consumer.commit(told)
        self._published, self._again_at = told, now + AGAIN_SECONDS
        self._said = False

    async def _opened(self) -> Any:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._connection.options,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="none",
            )
            try:
                await consumer.start()
            except BaseException:
                await let_go(consumer)
                raise
            _hear_out(consumer._coordinator)
            self._consumer = consumer
        return self._consumer

    async def _stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await let_go(consumer)


def _hear_out(coordinator: Any) -> None:
    """Have what comes of each commit heard. aiokafka shields it from being cancelled, and when who waits
    for it is cancelled, nobody asks for its failure: the loop would print that as a program's error."""
    commit = coordinator._do_commit_offsets

    @wraps(commit)
    async def heard(*arguments: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await commit(*arguments)

    coordinator._do_commit_offsets = heard
