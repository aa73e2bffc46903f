"""A site of its own under hostile requests: it goes on, stays small, and keeps the good facts among them."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dwell.site.collector.endpoint import METHODS
from dwell.site.collector.openapi import description
from dwell.site.collector.servers import PATH as SERVERS
from tests.support.hostile import GOOD_EVERY, Attack, siege, whole_chunks
from tests.support.house import ROOT
from tests.support.sieged import Sieged, sieged

SHORTLY = 1_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sieged]:
    with sieged(tmp_path_factory.mktemp("siege")) as site:
        yield site


def test_hostile_requests_are_refused_and_the_good_facts_among_them_kept(site: Sieged) -> None:
    attack = Attack(site.port)

    differ = siege(attack, SHORTLY, seeded=1)

    assert attack.wrong == []
    assert differ == []
    assert attack.sent >= SHORTLY
    assert set(attack.kept) <= site.kept()
    assert len(attack.kept) > SHORTLY // 50
    assert not attack.refused
    assert "Traceback" not in site.said()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_answers_are_as_the_description_says(site: Sieged) -> None:
    from tests.support.described import described

    statuses = described(f"http://127.0.0.1:{site.port}", 60, seeded=1)

    assert {204, 400} <= set(statuses)
    assert "Traceback" not in site.said()


def test_the_description_tells_of_every_path() -> None:
    written = (ROOT / "docs/collector.openapi.json").read_text()
    assert json.loads(written) == description(), "it is not what the models say: run ./dev docs"
    assert set(description()["paths"]) == {*METHODS, SERVERS}
    assert "401" not in description()["paths"]["/facts"]["post"]["responses"]


ENDLESS = {
    "target": (b"GET /", b"a"),
    "header": (b"GET / HTTP/1.1\r\nX: ", b"y"),
    "headers": (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
    "trailer": (whole_chunks(b"{}") + b"X: ", b"y"),
    "chunk extension": (whole_chunks(b"{}")[:-3] + b"5;", b"y"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_does_not_end_is_refused(site: Sieged, case: str) -> None:
    begun, more = ENDLESS[case]
    before = site.peak()

    answer, sent = endless(site.port, begun, more)

    assert sent < 5_000_000
    assert answer[:13] in (b"", b"HTTP/1.1 431 ")  # a reset can overtake it
    assert site.peak() - before < 30_000_000
    attack = Attack(site.port)
    attack.go([b""] * GOOD_EVERY)
    assert len(attack.kept) == 1


def endless(port: int, begun: bytes, more: bytes) -> tuple[bytes, int]:
    """Send until it is refused, 50 MB at most; what was answered, and how many bytes were sent."""
    piece = more * (65_536 // len(more))
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):
            connection.sendall(begun)
            while sent < 50_000_000:
                connection.sendall(piece)
                sent += len(piece)
        answer = b""
        with suppress(OSError):
            answer = connection.recv(65_536)
    return answer, sent


def test_what_is_broken_behind_a_good_request_is_no_failure(site: Sieged) -> None:
    attack = Attack(site.port)
    attack.go([b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"broken\r\n\r\n"] * 20)
    assert "Traceback" not in site.said()
