"""The group's offsets are told by the way: what becomes of that is nobody's trouble."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka import TopicPartition

from dwell.commands.broker.server import Broker
from dwell.events.kafka import progress
from dwell.events.kafka.progress import Progress
from tests.events.contract import records
from tests.events.test_kafka import At, committed

PLACE = TopicPartition("facts", 0)


async def test_a_commit_to_a_broker_that_hangs_is_let_go_without_a_word(
    own_broker: Broker,
) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    at = At(own_broker.address)
    writer, reader = at.writer(), at.reader()
    await writer.append(records(5))
    await writer.close()
    await reader.assign({0: 0})
    reader.report({0: 3})
    await committed(at, 3)
    own_broker.pause()
    reader.report({0: 5})
    async with asyncio.timeout(30):
        while not commits():
            await asyncio.sleep(0.01)
        await reader.close()
        while commits():
            await asyncio.sleep(0.01)
    gc.collect()
    assert said == []


def commits() -> list[asyncio.Task[Any]]:
    """Those that aiokafka is at."""
    return [each for each in asyncio.all_tasks() if "_do_commit_offsets" in repr(each.get_coro())]


class Group:
    """What a consumer of aiokafka does for a group."""

    def __init__(self) -> None:
        self.told: list[dict[TopicPartition, int]] = []

    def assignment(self) -> set[TopicPartition]:
        return {*self.told[-1]} if self.told else {PLACE}

    async def commit(self, told: dict[TopicPartition, int]) -> None:
        self.told.append(told)


async def test_what_has_not_changed_is_told_again_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = Group()
    told = Progress(At("127.0.0.1:9").connection, "group")
    told._consumer = group
    told._told = {PLACE: 3}
    await told._publish()
    await told._publish()
    assert group.told == [{PLACE: 3}]
    monkeypatch.setattr(progress, "AGAIN_SECONDS", 0.0)
    told._told = {PLACE: 4}
    await told._publish()
    await told._publish()
    assert group.told == [{PLACE: 3}, {PLACE: 4}, {PLACE: 4}]
