"""Dead letters on their way to a topic of their own, while the projector works."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from dwell.consumers import forwarder
from dwell.consumers.projector import Projector
from dwell.errors import SettingInvalid, WarehouseError
from dwell.events.dead_letters import DeadLetter
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryDeadLetters, MemoryLog
from dwell.events.opening import open_dead_letters
from dwell.settings import Settings
from dwell.warehouse.dead_letters import Unforwarded
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import NOW, Stored, glimpse
from tests.support.running import environment, running
from tests.support.watching import Watched

WAITING = "select count(*) from dead_letter where forwarded_at is null"


class Scene:
    """A log, a topic for dead letters and a projector between them."""

    def __init__(self, data: Path) -> None:
        self.log = MemoryLog()
        self.topic = MemoryDeadLetters()
        self._settings = Settings(data=data, batch_seconds=0.01, publish_seconds=0.05)
        self._watched = Watched(self._settings.published)
        self._projector: Projector | None = None

    async def start(self) -> None:
        """Start the projector."""
        self._warehouse = LiveWarehouse(self._settings.warehouse)
        self._reader = self.log.reader()
        self._projector = Projector(self._settings, self._reader, self._warehouse, self.topic)
        self._task = asyncio.create_task(self._projector.run())

    async def stop(self) -> None:
        """Stop it, if it runs."""
        projector, self._projector = self._projector, None
        if projector is not None:
            projector.stop()
            try:
                async with asyncio.timeout(20):
                    await self._task
            finally:
                await self._reader.close()
                self._warehouse.close()

    def put(self, *values: bytes) -> None:
        """Append records with these values and a key."""
        self.log.put([NewRecord(b"key", value, NOW) for value in values])

    def put_facts(self, *facts: Stored) -> None:
        """Append facts."""
        self.log.put([NewRecord(each.key, each.value, each.timestamp) for each in facts])

    async def shows(self, sql: str, expected: int, within: float = 20) -> None:
        """Wait until the published answer is this number."""
        async with asyncio.timeout(within):
            while self._watched.rows(sql) != [(expected,)]:
                await asyncio.sleep(0.05)

    async def has(self, values: Sequence[bytes], within: float = 20) -> None:
        """Wait until the topic has exactly these."""
        async with asyncio.timeout(within):
            while [letter.value for letter in self.topic.letters] != list(values):
                await asyncio.sleep(0.02)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(forwarder, "RETRY_AFTER", 0.05)
    scene = Scene(tmp_path)
    yield scene
    scene.topic.resume()
    await scene.stop()


async def test_a_dead_letter_is_forwarded_once_as_it_was(scene: Scene) -> None:
    await scene.start()
    scene.put(b"junk", b"\xff")
    await scene.has([b"junk", b"\xff"])
    scene.put_facts(glimpse(1))
    await scene.shows("select count(*) from pageview", 1)
    await scene.shows(WAITING, 0)
    assert scene.topic.letters[1] == DeadLetter(
        0,
        1,
        b"key",
        b"\xff",
        NOW,
        "not_utf8",
        "the record is not UTF-8: invalid start byte",
    )
    assert len(scene.topic.letters) == 2


async def test_a_topic_that_is_away_delays_letters_and_no_fact(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.topic.fail("away")
    await scene.start()
    scene.put(b"junk")
    scene.put_facts(glimpse(1))
    await scene.shows("select count(*) from pageview", 1)
    await scene.shows(WAITING, 1)
    async with asyncio.timeout(20):
        while "trying again: the dead-letter topic failed: away" not in caplog.text:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    scene.topic.resume()
    await scene.has([b"junk"])
    await scene.shows(WAITING, 0)
    said = [each for each in caplog.messages if "dead letters" in each and "read" not in each]
    assert [each.partition(",")[0] for each in said] == [
        "dead letters wait for their topic",
        "the topic of dead letters answers again",
    ]


@pytest.mark.parametrize("most", [2, pytest.param(1000, marks=pytest.mark.long)])
async def test_a_letter_that_is_refused_is_said_once_and_keeps_no_other_one_back(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("dwell.warehouse.dead_letters.MOST", most)
    scene.topic.room = 5
    await scene.start()
    scene.put(b"long junk", b"junk", b"longer junk", b"long junk, too", b"more", b"late")
    await scene.has([b"junk", b"more", b"late"])
    scene.put(b"last")
    await scene.has([b"junk", b"more", b"late", b"last"])
    await scene.shows(WAITING, 3)
    scene.topic.room = 100
    scene.put(b"the longest junk of all")
    await scene.has([b"junk", b"more", b"late", b"last", b"the longest junk of all"])
    await scene.shows(WAITING, 3)
    said = [line for line in caplog.messages if "is not forwarded" in line]
    assert said[0] == "dead letter 0:0 is not forwarded, its topic refuses it: too large"
    assert len(said) == len(set(said))
    await scene.stop()
    await scene.start()
    await scene.shows(WAITING, 0)
    assert len(scene.topic.letters) == 8


async def test_a_topic_that_hangs_delays_neither_facts_nor_stopping(scene: Scene) -> None:
    scene.topic.stop()
    await scene.start()
    scene.put(b"junk")
    scene.put_facts(glimpse(1))
    await scene.shows("select count(*) from pageview", 1)
    await scene.stop()
    scene.topic.resume()
    await scene.start()
    await scene.has([b"junk"])


async def test_what_former_runs_left_is_forwarded_at_the_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.warehouse.dead_letters.MOST", 2)
    scene.topic.fail("away")
    await scene.start()
    junk = [b"junk %d" % number for number in range(5)]
    scene.put(*junk)
    await scene.shows(WAITING, 5)
    await scene.stop()
    scene.topic.resume()
    await scene.start()
    await scene.has(junk)
    await scene.shows(WAITING, 0)


async def test_what_was_sent_and_not_written_down_is_sent_once_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise WarehouseError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Unforwarded, "strike", full)
        await scene.start()
        scene.put(b"junk")
        await scene.has([b"junk"])
        with pytest.raises(WarehouseError, match="the disk is full"):
            await scene.stop()
    await scene.start()
    await scene.has([b"junk", b"junk"])
    await scene.shows(WAITING, 0)


def test_an_embedded_log_has_no_topic_for_dead_letters() -> None:
    assert open_dead_letters(Settings()) is None
    with pytest.raises(SettingInvalid, match=r"DWELL_DEAD_LETTER_TOPIC is 'true': expected false"):
        open_dead_letters(Settings(dead_letter_topic=True))


def test_a_projector_that_cannot_forward_refuses_to_start(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", 1, dead_letter_topic="true")
    with running("project", environ=environ, output=tmp_path / "out") as process:
        assert process.wait() == 2
    assert process.printed().startswith("dwell: DWELL_DEAD_LETTER_TOPIC is 'true': expected false")
    assert not (tmp_path / "data").exists()
