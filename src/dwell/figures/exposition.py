"""The port of a process that is for operators: its figures, and its health."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from dwell.figures.families import gauge, gauges
from dwell.headers import DATA, raw
from dwell.health import PREFIX, QUESTIONS, Health

logger = logging.getLogger(__name__)

METRICS = "/metrics"

_HEADERS = raw(DATA | {"cache-control": "no-store"})


class Figures(Collector, ABC):
    """What a part of Dwell has counted. It fits into any registry of prometheus_client's."""

    @abstractmethod
    def collect(self) -> Iterable[Metric]:
        """The figures as they are now."""

    async def look(self) -> None:
        """Ask for what is not at hand; called before `collect`, and bounded in time."""


class Exposition:
    """An ASGI application: `/metrics`, in the text format or OpenMetrics as is asked for, and health."""

    def __init__(self, health: Health, figures: Figures) -> None:
        self._health = health
        self._figures = figures
        self._common = _Common()
        self._registry = CollectorRegistry()
        for each in (self._common, figures, ProcessCollector(registry=None)):
            self._registry.register(each)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        try:
            await self._serve(scope, receive, send)
        except Exception:
            logger.exception("the figures could not be told")
            await _answer(send, 500, b"the figures could not be told\n")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(PREFIX)
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"expected GET or HEAD\n", (b"allow", b"GET, HEAD"))
        elif scope["path"] == METRICS:
            await self._expose(scope, send)
        elif path in QUESTIONS:
            await self._health(scope, receive, send)
        else:
            expected = ", ".join([METRICS, *(PREFIX + each for each in QUESTIONS)])
            await _answer(send, 404, f"expected {expected}\n".encode())

    async def _expose(self, scope: Scope, send: Send) -> None:
        await self._figures.look()
        self._common.ready = await self._health.ready() is None
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
        encode, media_type = choose_encoder(accepted.decode("latin-1"))
        await _answer(send, 200, encode(self._registry), (b"content-type", media_type.encode()))


class _Common(Figures):
    """What every part tells."""

    def __init__(self) -> None:
        self.ready = False

    def collect(self) -> Iterable[Metric]:
        """As the class says."""
        yield gauge(
            "dwell_ready", "Whether the process can do its work now: 1 or 0.", float(self.ready)
        )
        yield gauges(
            "dwell_build_info", "1, with the version as a label.", "version", {version("dwell"): 1}
        )


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [*_HEADERS, (b"content-length", b"%d" % len(body)), *more]
    if not any(name == b"content-type" for name, _ in more):
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
