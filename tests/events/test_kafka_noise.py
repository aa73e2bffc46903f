"""What the client of Kafka says of itself is told seldom, and with its reason."""

import logging
from collections.abc import Iterator

import pytest

from dwell.events.kafka.noise import quiet


@pytest.fixture
def client() -> Iterator[logging.Logger]:
    """aiokafka's logger, made quiet for the time of a test."""
    client = logging.getLogger("aiokafka")
    before, propagate = list(client.handlers), client.propagate
    client.handlers.clear()
    quiet()
    yield client
    client.handlers[:], client.propagate = before, propagate


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("dwell")]


def test_the_same_is_told_once_whatever_its_numbers(
    client: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    for attempt in range(100):
        client.error("Unable connect to node with id %s: %s", attempt, OSError(111, "refused"))
    client.warning("something else")
    assert told(caplog) == [
        "Kafka: Unable connect to node with id 0: [Errno 111] refused",
        "Kafka: something else",
    ]


def test_a_reason_without_words_is_named(
    client: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    client.error("Unable connect to node with id %s: %s", 0, TimeoutError())
    assert told(caplog) == ["Kafka: Unable connect to node with id 0: TimeoutError"]


def test_what_is_no_trouble_is_not_told(
    client: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    client.info("Discovered coordinator 0")
    assert told(caplog) == []
