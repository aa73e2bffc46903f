"""The site's own pages with a tracker on them, and a collector that keeps what it is told."""

import asyncio
import gzip
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.npm import bundled
from benchmarks.rivals import DWELL, Tracker
from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from tests.support.serving import serving

SCRIPT = "/tracker.js"


@dataclass
class Stand:
    """A site with one tracker.

    Attributes:
        origin: where it answers.
        script: a part of the script's address.
        weight: bytes of the script, compressed by gzip.
        bodies: of the requests to its collector, in the order of their arrival.
    """

    tracker: Tracker
    origin: str
    script: str
    weight: int
    bodies: list[bytes] = field(default_factory=list)

    @property
    def seconds(self) -> list[float | None]:
        """What the tracker said so far."""
        return self.tracker.read(self.bodies) if self.tracker.read else []


@contextmanager
def stand_of(tracker: Tracker) -> Iterator[Stand]:
    """A stand on a port of its own for the time of a `with`; Dwell has its real collector.

    Raises:
        NoPackages: the tracker's script cannot be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        if tracker is DWELL:
            own = Dwell(settings, MemoryLog().writer())
            stand = Stand(tracker, "", "/dwell/beacon", _weight(own.script.content))
            app: ASGIApp = _Recorder(create_app(settings, own), stand.bodies)
        else:
            script = bundled(tracker.source)
            stand = Stand(tracker, "", SCRIPT, _weight(script))
            app = _Collector(create_app(settings, tracked=False), script, stand.bodies)
        with serving(_Late(app)) as stand.origin:
            yield stand


def _weight(script: bytes) -> int:
    return len(gzip.compress(script, 9))


class _Late:
    """Holds a script back for as many seconds as `?late=` of its page says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b"").decode())
        late = float(query.get("late", ["0"])[0])
        is_script = scope.get("path", "").endswith(".js")
        await asyncio.sleep(late if is_script else 0)
        if late and not is_script:
            send = _Rewriting(send, rb'(\.js)(" async)', rb"\1?late=%.1f\2" % late)
        await self._app(scope, receive, send)


class _Rewriting:
    """Sends a page with one thing replaced. It must come in one piece."""

    def __init__(self, send: Send, pattern: bytes, by: bytes) -> None:
        self._send = send
        self._pattern = pattern
        self._by = by
        self._start: Message = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        body = re.sub(self._pattern, self._by, message.get("body", b""))
        kept = [
            pair for pair in self._start["headers"] if pair[0] not in (b"content-length", b"etag")
        ]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*kept, length]})
        await self._send({**message, "body": body})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


class _Recorder:
    """Dwell's site; notes what its collector accepted."""

    def __init__(self, site: ASGIApp, bodies: list[bytes]) -> None:
        self._site = site
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._site(scope, receive, send)
            return
        body = await _body(receive)

        async def replayed() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def noted(message: Message) -> None:
            if message.get("status") == 204:
                self._bodies.append(body)
            await send(message)

        await self._site(scope, replayed, noted)


class _Collector:
    """The site without Dwell; its pages carry a tracker's script, which reports to `/collect`."""

    def __init__(self, site: ASGIApp, script: bytes, bodies: list[bytes]) -> None:
        self._site = site
        self._script = gzip.compress(script, 9)
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/collect"):
            self._bodies.append(await _body(receive))
            await _answer(send, b"{}", (b"content-type", b"application/json"))
        elif path == SCRIPT:
            encoded = (b"content-encoding", b"gzip")
            kind = (b"content-type", b"text/javascript")
            await _answer(send, self._script, kind, encoded, (b"cache-control", b"max-age=300"))
        elif path.startswith("/page_"):
            tag = b'<script src="%s" async></script></head>' % SCRIPT.encode()
            await self._site(scope, receive, _Rewriting(send, b"</head>", tag))
        else:
            await self._site(scope, receive, send)


async def _answer(send: Send, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": 200, "headers": [*headers, length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
