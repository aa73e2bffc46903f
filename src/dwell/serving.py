"""uvicorn as Dwell uses it, on sockets that are bound before anything else starts."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from dwell import messages
from dwell.connections import bounded
from dwell.errors import AlreadyRunning, DwellError
from dwell.settings import option_of, variable_of

BACKLOG = 2_048
DRAIN_SECONDS = 3
"""How long requests in flight may take once the server is to stop."""
GARBAGE = 20_000
"""New objects before Python looks for cycles among them. A request makes a hundred and no cycle; to
look every 700, as by default, takes a tenth of what a request costs."""
LOOK_SECONDS = 1.0
"""Between two looks at the clock, for the `Date` of answers."""
KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s of common proxies, so that it is never the server that hangs up first."""


def configured(app: ASGIApp, http: Any = None, **otherwise: Any) -> uvicorn.Config:
    """How an application is served. Proxies are believed by it alone, as the settings say.

    Args:
        http: what makes the protocol of each connection; by default `bounded`.
        otherwise: what is not as usual, by uvicorn's names.
    """
    usual: dict[str, Any] = {
        "loop": "uvloop",
        "http": http or bounded(),
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "log_config": None,
        "log_level": "error",
        "backlog": BACKLOG,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": DRAIN_SECONDS,
    }
    return uvicorn.Config(app, **(usual | otherwise))


class Calm(uvicorn.Server):
    """uvicorn, which looks at the clock once a second, and is woken when it is to end. By itself it looks
    ten times a second, which was nearly all that a process took that nobody asks."""

    _wake: Callable[[], object] | None = None

    async def main_loop(self) -> None:
        """Keep the date of the answers right, to the end."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, woken.set)
        while not await self.on_tick(0):
            timer = loop.call_later(LOOK_SECONDS, woken.set)
            await woken.wait()
            timer.cancel()
            woken.clear()

    def end(self) -> None:
        """Have it end."""
        self.should_exit = True
        if self._wake is not None:
            self._wake()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn does, at once."""
        super().handle_exit(sig, frame)
        self.end()


class Server(Calm):
    """uvicorn, which says where it is, and ends with 0 when it is told to end.

    Args:
        said: printed as soon as it answers.
        closing: called before the requests in flight are waited for.
        beside: open for as long as it serves.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        said: str,
        closing: Callable[[], None],
        beside: AbstractAsyncContextManager[None],
    ) -> None:
        super().__init__(config)
        self._said = said
        self._closing = closing
        self._beside = beside

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve to the end."""
        async with self._beside:
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        # What is here now stays to the end: a full collection would go through it all, 11 ms long.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE, 20, 20)
        await super().startup(sockets)
        messages.say(self._said)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, then end."""
        self._closing()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but a signal that was obeyed is not raised once more at the end."""
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(
    host: str, port: int, settings: tuple[str, str] = ("host", "port")
) -> list[socket.socket]:
    """Sockets that listen on each address of `host`.

    Args:
        settings: the names of those that host and port come from, for messages.

    Raises:
        AlreadyRunning: something else listens there.
        DwellError: the address is none of this machine's, or may not be used.
    """
    sockets: list[socket.socket] = []
    unusable: OSError | None = None
    try:
        # A resolver may give an address twice.
        for family, _, _, _, address in dict.fromkeys(
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ):
            try:
                sockets.append(_listener(family, address))
            except OSError as error:
                # Names such as localhost have an IPv6 address where the machine has no IPv6.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                unusable = error
        if unusable and not sockets:
            raise unusable
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise _explained(error, host, port, settings) from None
    return sockets


def _listener(family: int, address: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _explained(error: OSError, host: str, port: int, settings: tuple[str, str]) -> DwellError:
    named_host, named_port = (f"{option_of(name)} or {variable_of(name)}" for name in settings)
    if error.errno == errno.EADDRINUSE:
        return AlreadyRunning(
            f"{host}:{port} is in use by another process: end that one, "
            f"or choose another port with {named_port}"
        )
    return DwellError(
        f"{host}:{port} cannot be listened on ({error.strerror}): "
        f"choose another address with {named_host}, or another port with {named_port}"
    )


def address_of(host: str, port: int) -> str:
    """Where a browser finds what listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
