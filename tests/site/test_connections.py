"""Connections are bounded: in number, in time, and in the bytes of a head."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dwell.connections import Limits, bounded
from tests.support.collecting import served
from tests.support.running import wait_until

LARGE = 16 * 2**20
"""More than the kernel keeps for a client that does not read."""
GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
SECONDS = 0.4


async def page(request: Request) -> Response:
    return PlainTextResponse("a page")


async def large(request: Request) -> Response:
    return Response(bytes(LARGE))


async def slow(request: Request) -> Response:
    await asyncio.sleep(4 * SECONDS)
    return PlainTextResponse("at last")


async def stream(request: Request) -> Response:
    async def words() -> AsyncIterator[str]:
        for _ in range(16):
            yield "word "
            await asyncio.sleep(SECONDS / 4)

    return StreamingResponse(words())


APP = Starlette(
    routes=[
        Route(f"/{each.__name__}", each, methods=["GET", "POST"])
        for each in (page, large, slow, stream)
    ]
)


class Client:
    """A connection, and the bytes that came over it."""

    def __init__(self, port: int, *sent: bytes) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.socket.connect(("127.0.0.1", port))
        for each in sent:
            self.socket.sendall(each)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def answer(self) -> bytes:
        """What comes next."""
        return self.socket.recv(65_536)

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        received = b""
        try:
            while piece := self.answer():
                received += piece
        except ConnectionError:
            pass
        return received

    def is_served(self) -> bool:
        """Whether a page is answered on it."""
        try:
            self.socket.sendall(GET % b"/page")
            return b"a page" in self.answer()
        except ConnectionError:
            return False


@contextmanager
def serving(limits: Limits) -> Iterator[int]:
    with served(APP, bounded(limits)) as port:
        yield port


@pytest.fixture(scope="module")
def patient() -> Iterator[int]:
    """A server that waits for nobody as long as the tests take."""
    with serving(Limits(connections=100, head=2_000)) as port:
        yield port


LARGE_HEADERS = {"one": b"X-Large: %b\r\n" % (b"x" * 2_000), "many": b"X: x\r\n" * 500}


@pytest.mark.parametrize("headers", LARGE_HEADERS)
@pytest.mark.parametrize("pieces", [1, 2, 50])
def test_a_head_that_is_too_large_is_answered_431(headers: str, pieces: int, patient: int) -> None:
    head = b"GET /page HTTP/1.1\r\nHost: x\r\n" + LARGE_HEADERS[headers]
    with Client(patient) as client:
        try:
            for at in range(0, len(head), -(-len(head) // pieces)):
                client.socket.sendall(head[at : at + -(-len(head) // pieces)])
            client.socket.sendall(b"\r\n")
        except ConnectionError:
            pass  # it was answered before
        answer = client.rest()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.endswith(b"expected at most 2000 bytes")


def test_what_is_broken_is_not_answered_inside_another_answer(patient: int) -> None:
    with Client(patient, GET % b"/stream" + b"broken\r\n\r\n") as client:
        assert b" 400 " not in client.rest()


def test_the_beginning_of_a_head_behind_much_else_is_none_that_is_too_large(patient: int) -> None:
    length = 1_900
    head = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
    with Client(patient) as client:
        client.socket.sendall(head + bytes(length) + b"GET /page HT")
        client.socket.sendall(b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = client.rest()
    assert answers.count(b"HTTP/1.1 ") == 2
    assert b" 431 " not in answers


def test_an_address_that_is_too_long_is_answered_431(patient: int) -> None:
    with Client(patient, GET % (b"/page?" + b"x" * 2_000)) as client:
        assert client.rest().startswith(b"HTTP/1.1 431 ")


def test_small_requests_after_one_another_may_be_more_than_one_head(patient: int) -> None:
    requests = (
        GET % b"/page" * 60
        + b"GET /page?%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 500)
        + b"GET /page HTTP/1.0\r\n\r\n"
    )
    assert len(requests) > 2_000
    with Client(patient, requests) as client:
        assert client.rest().count(b"a page") == 62


def test_a_large_body_is_no_large_head(patient: int) -> None:
    head = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n"
    with Client(patient, head + bytes(50_000)) as client:
        assert b"a page" in client.answer()


def test_requests_that_wait_for_their_answers_are_few(patient: int) -> None:
    with Client(patient, GET % b"/slow", GET % b"/page" * 200) as client:
        assert b"a page" not in client.rest()


SLOW = {
    "says nothing": b"",
    "says nothing but ends of lines": b"\r\n" * 3,
    "begins a line": b"GET /pa",
    "begins a head": b"GET /page HTTP/1.1\r\nHost: x\r\n",
    "begins a body": b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    "begins a second request": GET % b"/page" + b"GET ",
    "reads nothing": GET % b"/large",
}
STEADY = {"is idle": GET % b"/page", "waits": GET % b"/slow", "listens": GET % b"/stream"}


def test_who_owes_something_for_too_long_is_hung_up_on_and_nobody_else() -> None:
    with serving(Limits(connections=100, seconds=SECONDS)) as port:
        began = time.monotonic()
        slow = {name: Client(port, sent) for name, sent in SLOW.items()}
        steady = {name: Client(port, sent) for name, sent in STEADY.items()}
        time.sleep(4 * SECONDS)
        answers = {name: client.rest() for name, client in slow.items()}
        assert time.monotonic() - began < 60
        for name in ("begins a line", "begins a head"):
            assert answers[name].startswith(b"HTTP/1.1 408 "), name
        assert b"a page" in answers["begins a body"]
        assert answers["begins a body"].count(b"HTTP/1.1 ") == 1
        assert b"a page" in answers["begins a second request"]
        assert len(answers["reads nothing"]) < LARGE
        assert b"at last" in steady["waits"].answer()
        wait_until(lambda: b"0\r\n\r\n" in steady["listens"].answer(), within=60)
        assert b"a page" in steady["is idle"].answer()
        assert all(client.is_served() for client in steady.values())
        for client in (*slow.values(), *steady.values()):
            client.socket.close()


def test_who_reads_slowly_is_waited_for() -> None:
    limits = Limits(connections=100, seconds=3)
    with serving(limits) as port, Client(port, GET % b"/large") as client:
        began, received = time.monotonic(), 0
        while received < LARGE:
            piece = client.socket.recv(2**18)
            assert piece, f"hung up on after {received} bytes"
            received += len(piece)
            due = began + 1.5 * limits.seconds * received / LARGE
            time.sleep(max(0, due - time.monotonic()))
        assert time.monotonic() - began > limits.seconds


def test_a_drip_of_bytes_is_no_progress() -> None:
    limits = Limits(connections=100, seconds=SECONDS)
    with serving(limits) as port, Client(port, b"GET /page HTTP/1.1\r\nX: ") as client:

        def ended() -> bool:
            try:
                client.socket.sendall(b"x")
            except ConnectionError:
                return True
            return False

        wait_until(ended, within=60, every=SECONDS / 8)


def test_who_asks_nothing_more_for_long_is_hung_up_on() -> None:
    with served(APP, timeout_keep_alive=SECONDS) as port, Client(port) as client:
        asked = time.monotonic()
        assert client.is_served()
        assert client.rest() == b""
        assert time.monotonic() - asked >= SECONDS


def test_who_is_answered_before_the_end_of_a_request_is_hung_up_on_without_a_word() -> None:
    begun = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    with served(APP, timeout_keep_alive=SECONDS) as port, Client(port, begun) as client:
        assert b"a page" in client.answer()
        client.socket.sendall(b"abc")
        assert client.rest() == b""


def test_one_connection_too_many_is_answered_503_until_another_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(Limits(connections=4, seconds=600)) as port:
        clients = [Client(port, b"GET ") for _ in range(4)]
        for _ in range(3):
            with Client(port) as more:
                answer = more.rest()
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert re.search(rb"retry-after: \d", answer)
        clients.pop().socket.close()

        def served_again() -> bool:
            with Client(port) as more:
                return more.is_served()

        wait_until(served_again, within=60)
        for client in clients:
            client.socket.close()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["4 connections are open: more are refused until some end"]


def test_when_it_is_crowded_connections_on_which_nothing_happens_make_room() -> None:
    with serving(Limits(connections=4, seconds=120)) as port:
        idle = [Client(port) for _ in range(3)]
        assert all(client.is_served() for client in idle)
        assert [client.rest() for client in idle] == [b""] * 3
        with Client(port) as client:
            assert client.is_served()
        for each in idle:
            each.socket.close()
