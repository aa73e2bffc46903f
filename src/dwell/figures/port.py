"""The operators' port of a process, served beside its work, in the same event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

from starlette.types import ASGIApp

from dwell.connections import Limits, bounded
from dwell.serving import Calm, configured, listen
from dwell.settings import Settings

MOST = 16
"""Connections at a time; one more is answered 503. Beyond half of them, those that rest are ended."""
DRAIN_SECONDS = 1
"""How long an answer may take once the process ends."""


def operators_port(
    settings: Settings, name: str, app: Callable[[], ASGIApp]
) -> AbstractAsyncContextManager[None]:
    """The port that the setting `name` says, open for the time of an `async with`; nothing if it is 0.

    Raises:
        AlreadyRunning: it is in use. Raised at once.
        DwellError: the address cannot be listened on.
    """
    number: int = getattr(settings, name)
    if not number:
        return nullcontext()
    return _serving(app(), listen(settings.figures_host, number, ("figures_host", name)))


@asynccontextmanager
async def _serving(app: ASGIApp, sockets: list[socket.socket]) -> AsyncIterator[None]:
    server = _Beside(
        configured(
            app,
            bounded(Limits(connections=MOST)),
            lifespan="off",
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets))
    try:
        yield
    finally:
        server.end()
        await serving


class _Beside(Calm):
    """uvicorn, which leaves signals to whom they are for."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield
