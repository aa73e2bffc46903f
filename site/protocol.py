"""The site's side of HTTP: uvicorn's protocol, with a short way for the facts that browsers post."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dwell.connections import BoundedProtocol, Limits, Watch
from dwell.headers import RAW_HSTS
from dwell.site.collector import Collector
from dwell.site.collector.endpoint import Taken
from dwell.site.collector.problems import COMMON_LINES, Answer, Header
from dwell.site.collector.request import Request, headers_of

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


class Heads:
    """The lines that begin every answer of a status, made once a second, when the date changes."""

    def __init__(self) -> None:
        self._of: object = None
        self._heads: dict[int, bytes] = {}

    def head(self, status: int, default_headers: Sequence[Header]) -> bytes:
        """The lines, with these headers of uvicorn's. It gives a new list when it changes them."""
        if default_headers is not self._of:
            self._of = default_headers
            self._heads.clear()
        head = self._heads.get(status)
        if head is None:
            lines = [b"%b: %b\r\n" % header for header in default_headers]
            head = self._heads[status] = b"".join((STATUS_LINE[status], *lines, COMMON_LINES))
        return head


class FactsProtocol(BoundedProtocol):
    """One connection. Facts that arrive whole, with nothing before them that is not answered, go to
    the collector with neither a task nor ASGI's messages, which would be half of what they cost.

    Everything else goes uvicorn's way: pages, bodies that come in pieces, pipelined requests, a
    client that does not read its answers. What begins as facts do has a parser of its own, so that of
    other requests nothing but the first bytes is looked at here.

    Args:
        collector: takes them.
        line: the first line of a request that posts them.
        heads: of the answers of all connections.
        uvicorns: what uvicorn gives to its own protocol.
    """

    def __init__(self, collector: Collector, line: bytes, heads: Heads, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._collector = collector
        self._line = line
        self._heads = heads
        self._uvicorns: Any = self.parser
        self._own: Any = None
        """The parser of what begins with that line; made for the first of it."""
        self._posts = False
        """Whether the next request begins with that line."""
        self._tries = False
        """Whether the request that has begun is such a one, and its head is not whole."""
        self._fields: dict[bytes, bytes] = {}
        """The headers of a request on the short way."""
        self._body: list[bytes] | None = None
        """The pieces so far of a body on the short way."""

    def data_received(self, data: bytes) -> None:
        """As uvicorn does, but a body that is not whole yet is waited for on the long way."""
        if not self.in_message:
            if data.startswith(self._line):
                self._posts = True
                self.parser = self._own or self._own_parser()
            else:
                self.parser = self._uvicorns
        super().data_received(data)
        if self._body is not None:
            self._turn_back()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn does, which lets go of its parser."""
        super().connection_lost(exc)
        self._uvicorns = self._own = None

    def _own_parser(self) -> HttpRequestParser:
        told = SimpleNamespace(
            on_message_begin=self._on_message_begin,
            on_url=self.on_url,
            on_header=self._on_header,
            on_headers_complete=self._on_headers_complete,
            on_body=self._on_body,
            on_message_complete=self._on_message_complete,
        )
        self._own = parser = HttpRequestParser(told)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        return parser

    def _on_message_begin(self) -> None:
        """A request begins. Of one that posts facts the scope is made when it is known to need one."""
        self._tries, self._posts = self._posts, False
        if self._tries:
            self.begin_message()
            self.url, self.headers, self.expect_100_continue = b"", [], False
        else:
            self.on_message_begin()

    def _on_header(self, name: bytes, value: bytes) -> None:
        if self._tries:
            self.headers.append((name.lower(), value))
        else:
            self.on_header(name, value)

    def _on_headers_complete(self) -> None:
        """Choose the way."""
        tries, self._tries = self._tries, False
        if not tries:
            self.on_headers_complete()
            return
        self.admit_head()
        if self._is_short():
            self._body = []
        else:
            self._go_the_long_way()

    def _on_body(self, body: bytes) -> None:
        if self._body is None:
            self.on_body(body)
        else:
            self._body.append(body)

    def _on_message_complete(self) -> None:
        body, self._body = self._body, None
        if body is None:
            self.on_message_complete()
        else:
            self.end_message()
            self._take(body[0] if len(body) == 1 else b"".join(body))

    def _is_short(self) -> bool:
        self._fields = fields = headers_of(self.headers)
        return (
            (self.cycle is None or self.cycle.response_complete)
            and b"expect" not in fields
            and b"upgrade" not in fields
            and not self.flow.write_paused
        )

    def _go_the_long_way(self) -> None:
        url, headers = self.url, self.headers
        HttpToolsProtocol.on_message_begin(self)  # all else that begins with a request has begun
        self.url = url
        for name, value in headers:
            self.on_header(name, value)
        HttpToolsProtocol.on_headers_complete(self)  # its size is admitted already

    def _turn_back(self) -> None:
        body, self._body = self._body, None
        if body is None or self.transport.is_closing():
            return
        self._go_the_long_way()
        for piece in body:
            self.on_body(piece)

    def _take(self, body: bytes) -> None:
        request = self._collector.requests.of(
            self._fields, self.client[0] if self.client else None, self.scheme == "https"
        )
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
        lines = [self._heads.head(answer.status, self.server_state.default_headers)]
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
    line = f"POST {prefix}/facts HTTP/1.1\r\n".encode()
    return partial(FactsProtocol, collector, line, Heads(), watch=Watch(limits or Limits()))
