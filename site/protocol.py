"""The site's side of HTTP: uvicorn's protocol, with a short way for the facts that browsers post."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from dwell.connections import BoundedProtocol, Limits, Watch
from dwell.headers import RAW_HSTS
from dwell.site.collector import Collector
from dwell.site.collector.endpoint import Taken
from dwell.site.collector.problems import COMMON_LINES, Answer
from dwell.site.collector.request import Request

logger = logging.getLogger(__name__)

FAILED = Answer(500, ((b"content-length", b"0"), (b"connection", b"close")))
CLOSE = (b"connection", b"close")


class Exchange:
    """A request on the short way, as far as uvicorn asks about the one that is under way.

    Attributes:
        keep_alive: whether the connection goes on after it.
        response_complete: whether it is answered.
        disconnected: whether the client has left.
    """

    __slots__ = ("disconnected", "keep_alive", "request", "response_complete")

    message_event: ClassVar = asyncio.Event()
    """Set when the client leaves; nobody waits for it."""

    def __init__(self, request: Request, keep_alive: bool) -> None:
        self.request = request
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False


class FactsProtocol(BoundedProtocol):
    """One connection. Facts that arrive whole, with nothing before them that is not answered, go to
    the collector with neither a task nor ASGI's messages, which would be half of what they cost.

    Everything else goes uvicorn's way: pages, bodies that come in pieces, pipelined requests, a
    client that does not read its answers.

    Args:
        collector: takes them.
        path: where they are posted, as it stands in a request.
        uvicorns: what uvicorn gives to its own protocol.
    """

    def __init__(self, collector: Collector, path: bytes, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._collector = collector
        self._path = path
        self._body: list[bytes] | None = None
        """The pieces so far of a body on the short way."""

    def data_received(self, data: bytes) -> None:
        """As uvicorn does, but a body that is not whole yet is waited for on the long way."""
        super().data_received(data)
        if self._body is not None:
            self._turn_back()

    def on_headers_complete(self) -> None:
        """Choose the way."""
        if self._is_short():
            self.admit_head()
            self._body = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        body, self._body = self._body, None
        if body is None:
            super().on_message_complete()
        else:
            self.end_message()
            self._take(b"".join(body))

    def _is_short(self) -> bool:
        return (
            self.url == self._path
            and self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not self.parser.should_upgrade()
            and self.parser.get_http_version() == "1.1"
        )

    def _turn_back(self) -> None:
        body, self._body = self._body, None
        if body is None or self.transport.is_closing():
            return
        super().on_headers_complete()
        for piece in body:
            super().on_body(piece)

    def _take(self, body: bytes) -> None:
        self.scope["method"] = "POST"
        request = self._collector.read(self.scope)
        exchange: Any = Exchange(request, self.parser.should_keep_alive())
        self.cycle = exchange
        try:
            taken = self._collector.take(request, body)
        except Exception:
            self._fail(exchange)
            return
        if isinstance(taken, Answer):
            self._answer(exchange, taken)
            return
        # uvicorn waits for these before it ends, and cancels what takes too long.
        tasks: set[Any] = self.tasks
        tasks.add(taken.durable)
        taken.durable.add_done_callback(partial(self._settle, exchange, taken))

    def _settle(self, exchange: Exchange, taken: Taken, durable: "asyncio.Future[None]") -> None:
        tasks: set[Any] = self.tasks
        tasks.discard(durable)
        try:
            answer = self._collector.settle(taken)
        except Exception:
            self._fail(exchange)
        else:
            self._answer(exchange, answer)

    def _fail(self, exchange: Exchange) -> None:
        logger.exception("facts could not be taken")
        self._answer(exchange, FAILED)

    def _answer(self, exchange: Exchange, answer: Answer) -> None:
        exchange.response_complete = True
        if exchange.disconnected or self.transport.is_closing():
            return
        headers = self._collector.headers_of(answer, exchange.request)
        if CLOSE in headers:
            exchange.keep_alive = False
        elif not exchange.keep_alive:
            headers.append(CLOSE)
        if exchange.request.secure:
            headers.append(RAW_HSTS)
        lines = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines.append(COMMON_LINES)
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", answer.body)
        self.transport.write(b"".join(lines))
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()


def facts_protocol(
    collector: Collector, prefix: str, limits: Limits | None = None
) -> Callable[..., FactsProtocol]:
    """What makes the protocol of each connection of a site whose collector is mounted at `prefix`."""
    path = f"{prefix}/facts".encode()
    return partial(FactsProtocol, collector, path, watch=Watch(limits or Limits()))
