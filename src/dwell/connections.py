"""The connections to a server, bounded: how many, how long they may take, how large a head may be."""

import asyncio
import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dwell.headers import DATA, raw

MOST = 4_096
"""Connections at once, if the process may have so many files open: some 32 MiB."""
RESERVED = 64
"""Open files that are left for the log, the answers and whatever else a process has open."""
LOOK_SECONDS = 1.0
"""Between two looks at all connections: a timer for each request would cost it microseconds."""
SAY_EVERY = 60.0
"""Seconds after which it is said again that connections are refused."""
CROWDED = 4
"""Once half of the connections are taken, nobody is waited for longer than a CROWDED-th of the usual
time, and connections on which nothing happens are ended."""

logger = logging.getLogger(__name__)

_LAST = raw(
    DATA
    | {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "connection": "close",
    }
)
_BUSY = b"too much is asked at once: try again\n"


def most_connections() -> int:
    """As many as this process may have, after it has asked for all the open files that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MOST
    return max(min(MOST, soft - RESERVED), 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the connections to one server.

    Attributes:
        connections: at once; one more is answered 503 and ended.
        head: bytes of a request's line and headers together, and of whatever else comes without an end,
            as a trailer.
        pipelined: requests that may wait behind one that is not answered yet.
        seconds: from when a connection is made, or a request begins, until the request is whole; and
            how long a client may read nothing of its answer.
    """

    connections: int = field(default_factory=most_connections)
    head: int = 32_768
    pipelined: int = 64
    seconds: float = 20.0


class Watch:
    """Watches over the connections of one server."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._say_at = float("-inf")

    def begin(self, connections: set[Any], loop: asyncio.AbstractEventLoop) -> None:
        """Look at these from now on, until there are none."""
        if self._timer is None:
            every = min(LOOK_SECONDS, self.limits.seconds / 4)
            self._timer = loop.call_later(every, self._look, connections, loop)

    def refuse(self) -> None:
        """Say that connections are refused."""
        now = time.monotonic()
        if now >= self._say_at:
            self._say_at = now + SAY_EVERY
            logger.warning(
                "%d connections are open: more are refused until some end", self.limits.connections
            )

    def _look(self, connections: set[Any], loop: asyncio.AbstractEventLoop) -> None:
        crowded = len(connections) > self.limits.connections // 2
        patience = self.limits.seconds / (CROWDED if crowded else 1)
        now = loop.time()
        for each in list(connections):
            each.look(now, patience, crowded)
        self._timer = None
        if connections:
            self.begin(connections, loop)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What is beyond the limits is answered, if anybody listens, and ended."""

    def __init__(self, *, watch: Watch, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._watch = watch
        self._owing = True
        """Whether the client has a request to finish, or to begin."""
        self._since: float | None = None
        """When that, or an answer that is not read, was seen first."""
        self.in_message = False
        """Whether a request has begun and is not whole."""
        self._in_head = False
        self._moved = False
        """Whether a head, a piece of a body or a request ended in this piece."""
        self._head = 0
        """Bytes that came before this piece, of a head or whatever else is not whole."""
        self._piece = 0
        self._unread = 0
        self._refusal: tuple[int, str] | None = None
        self._answering: Any = None
        """What an application answers; `cycle` may be a request that waits behind it."""
        self._before: Any = None
        """What `cycle` was when the request began; until its head is whole, `cycle` still is that."""
        self._rests_since: float | None = None
        """From when on all that was asked is answered, if no head came since."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, if there is room for one more."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._watch.begin(self.connections, self.loop)
        if len(self.connections) > self._watch.limits.connections:
            self._watch.refuse()
            self._refuse(503, "too many connections are open: try again", (b"retry-after", b"5"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there to be answered any more."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn does, up to the largest head."""
        if self.transport.is_closing():
            return
        self._piece, self._moved = len(data), False
        super().data_received(data)
        if self._moved:
            self._head = 0  # a head that began behind what ended is counted from the next piece on
        else:
            self._head += len(data)
            if self._head > self._watch.limits.head and not self.transport.is_closing():
                self._refuse(431, self._too_large())

    def on_message_begin(self) -> None:
        """A request begins."""
        self.begin_message()
        super().on_message_begin()

    def begin_message(self) -> None:
        """The client owes the rest of a request; one too many raises, which ends the parsing."""
        if len(self.pipeline) >= self._watch.limits.pipelined:
            self._refusal = 429, ""  # never said: those before are not answered yet
            raise ValueError(self._refusal)
        self._owing = self._in_head = self.in_message = True
        self._since = None
        self._head = 0
        self._before = self.cycle

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.admit_head()
        super().on_headers_complete()

    def admit_head(self) -> None:
        """Go on to the body; a head that is too large raises, which ends the parsing."""
        self._in_head, self._moved = False, True
        self._rests_since = None
        limit = self._watch.limits.head
        if self._head + self._piece > limit and self._size_of_head() > limit:
            self._refusal = 431, self._too_large()
            raise ValueError(self._refusal)

    def on_body(self, body: bytes) -> None:
        """A piece of the body is there."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.end_message()
        super().on_message_complete()

    def end_message(self) -> None:
        """The client owes nothing."""
        self._owing, self._moved, self.in_message = False, True, False

    def on_response_complete(self) -> None:
        """As uvicorn does, without a timer for each request: the watch ends who rests for too long."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._rests_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or may not be, and hang up."""
        self._refuse(*(self._refusal or (400, msg)))

    def look(self, now: float, patience: float, crowded: bool) -> None:
        """End the connection if the client has owed something for too long, or asked nothing.

        Args:
            now: the loop's time.
            patience: seconds.
            crowded: whether it is ended as well if nothing happens on it.
        """
        if not self._lingers():
            self._since = None
            if self._is_idle() and (crowded or self._has_rested(now)):
                self.transport.close()
        elif self._since is None:
            self._since = now
        elif now - self._since >= patience:
            self._refuse(408, f"the request was not complete after {patience:g} s")

    def _has_rested(self, now: float) -> bool:
        return self._rests_since is not None and now - self._rests_since >= self.timeout_keep_alive

    def _lingers(self) -> bool:
        """Whether it is the client that is waited for."""
        unread: int = self.transport.get_write_buffer_size()
        before, self._unread = self._unread, unread
        if unread:
            return unread == before
        return self._owing or not (self._is_idle() or self._is_busy())

    def _is_idle(self) -> bool:
        return self._rests_since is not None and not self._owing

    def _is_busy(self) -> bool:
        return any(each and not each.response_complete for each in (self._answering, self.cycle))

    def _is_awaited(self) -> bool:
        """Whether the client waits for the answer to this request next, and nothing of it is there."""
        if not self._owing or self.cycle is self._before:
            return not self._is_busy()
        return self._answering is self.cycle and not self.cycle.response_started

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        answering: Any = _busy if app is service_unavailable else app
        super()._start_asgi_task(cycle, answering)

    def _leave(self) -> None:
        """Have the application write to nobody: that would be a failure, which a client could have logged
        at will."""
        for each in (self._answering, self.cycle):
            if each is not None and not each.response_complete:
                each.disconnected = True
                each.message_event.set()
        self.pipeline.clear()

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> str:
        limit = self._watch.limits.head
        return (
            f"the line and the headers of the request are too large: expected at most {limit} bytes"
        )

    def _refuse(self, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
        """Answer, if that is what the client waits for, and end the connection."""
        self._leave()
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        if self._is_awaited():
            self._say_last(status, text, *headers)
        self.transport.close()

    def _say_last(self, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
        length = (b"content-length", b"%d" % len(text))
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *_LAST, *headers, length):
            lines += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join((*lines, b"\r\n", text.encode())))
        self.transport.close()


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    headers = (*_LAST, (b"content-length", b"%d" % len(_BUSY)), (b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": _BUSY})


def bounded(limits: Limits | None = None) -> Callable[..., BoundedProtocol]:
    """What makes the protocol of each connection of one server."""
    return partial(BoundedProtocol, watch=Watch(limits or Limits()))
