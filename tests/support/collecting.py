"""A collector on a real socket, and the bytes that clients send it."""

import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from dwell.serving import configured
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.collector.refusals import Counts
from dwell.site.protocol import facts_protocol
from tests.support.running import wait_until

PAGEVIEW = "0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01"
SESSION = "0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02"
VISITOR = "0193a5c2-0000-7d20-9a41-5b8a3e6d7f99"
NOW = 1_795_000_000_000

Headers = Mapping[str, str]


@dataclass
class Answer:
    """What came back.

    Attributes:
        headers: by lower-case name; of `Set-Cookie` there is one at most.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; fails if it is none."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        return document

    @property
    def pointers(self) -> list[str]:
        """Where the errors of the problem document are."""
        return [error["pointer"] for error in self.problem["errors"]]


@dataclass
class Site:
    """A site with a collector, on a port of this machine."""

    port: int
    dwell: Dwell
    log: MemoryLog

    @property
    def kept(self) -> list[NewRecord]:
        """What the log holds."""
        return self.log.records()

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the log holds, as CloudEvents."""
        return [json.loads(record.value) for record in self.kept]

    @property
    def waiting(self) -> int:
        """How many requests wait for the log in memory."""
        return sum(len(writer._under_way) for writer in self.log._writers)

    @property
    def origin(self) -> str:
        """As browsers name it."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Headers | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """One request on a connection of its own. Headers as a sequence may repeat a name."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in pairs:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return read_answer(connection.getresponse())

    def post(
        self, *facts: Any, body: bytes | None = None, headers: Headers | None = None, **more: str
    ) -> Answer:
        """Facts as the beacon posts them; `more` are headers, `sec_gpc="1"` for `Sec-GPC: 1`."""
        if body is None:
            body = json.dumps({"facts": facts}).encode()
        given = {name.replace("_", "-"): value for name, value in more.items()}
        plain = {"content-type": "text/plain"}
        return self.ask("POST", "/dwell/facts", body, plain | dict(headers or {}) | given)

    def forget(self) -> None:
        """Empty the log and the counts, so that the next test finds nothing of this one."""
        self.log.truncate(sys.maxsize)
        self.dwell.collector.counts = Counts()

    def send_raw(self, *parts: bytes) -> bytes:
        """Bytes on a connection of their own; returns all that comes until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            for part in parts:
                connection.sendall(part)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


def read_answer(response: http.client.HTTPResponse) -> Answer:
    """What a response says."""
    names = [name.lower() for name, _ in response.getheaders()]
    assert len(names) == len(set(names)), f"a header came twice: {names}"
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def fact(seq: int = 0, **changed: Any) -> dict[str, Any]:
    """A good fact, but for what is changed; a value of `...` leaves the field out."""
    good = {
        "type": "page.viewed" if seq == 0 else "page.visibility_changed",
        "version": 1,
        "pageview_id": PAGEVIEW,
        "seq": seq,
        "session_id": SESSION,
        "view": "dwell.site.pages.page_a.PageA",
        "identity": {"path": "/page_a", "title": "Page A"},
        "previous_pageview_id": None,
        "referrer": "",
        "visibility": "visible",
        "engagement_ms": 1000 * seq,
        "age_ms": 1500 * seq,
        "delay_ms": 4,
    }
    return {name: value for name, value in (good | changed).items() if value is not ...}


def distinct(number: int) -> dict[str, Any]:
    """A good fact of a pageview and a session of its own."""
    ids = [str(UUID(int=UUID(known).int + number)) for known in (PAGEVIEW, SESSION)]
    return fact(pageview_id=ids[0], session_id=ids[1])


@contextmanager
def served(app: ASGIApp, http: Any = None, **otherwise: Any) -> Iterator[int]:
    """`app` as `dwell site` serves it, on a free port for the time of a `with`.

    Args:
        http: what makes the protocol of each connection; by default as `configured` says.
        otherwise: what is not as usual, by uvicorn's names.
    """
    config = configured(app, http, **otherwise)
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def collecting(body_seconds: float = 10, *, memory: bool = True, **settings: Any) -> Iterator[Site]:
    """A site with nothing but Dwell, whose clock stands at `NOW`.

    Args:
        memory: the log is one in memory, else the one of the settings.
    """
    given = Settings(**settings)
    log = MemoryLog()
    writer = (
        log.writer(waiting_bytes=given.waiting_bytes, durable_within=given.durable_within)
        if memory
        else None
    )
    dwell = Dwell(given, writer, now=lambda: NOW, body_seconds=body_seconds)
    app = Starlette()
    dwell.mount(app)
    with served(app, facts_protocol(dwell.collector, given.prefix)) as port:
        yield Site(port, dwell, log)
