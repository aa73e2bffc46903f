"""The server of the demo site: uvicorn, on sockets that are bound before anything else starts."""

import errno
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from dwell.errors import AlreadyRunning, DwellError
from dwell.events.opening import quiet
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app

BACKLOG = 2_048
DRAIN_SECONDS = 3
"""How long requests in flight may take once the server is to stop."""
KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s of common proxies, so that it is never the server that hangs up first."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        AlreadyRunning: the port is in use.
        DwellError: the address cannot be listened on, or a setting cannot be used.
    """
    quiet(settings)
    dwell = Dwell(settings)
    sockets = listen(settings.host, settings.port)
    config = configured(create_app(settings, dwell))
    Server(config, dwell, address_of(settings)).run(sockets)


def configured(app: ASGIApp) -> uvicorn.Config:
    """How the site is served. Proxies are believed by the collector alone, as the settings say."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        log_level="error",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


class Server(uvicorn.Server):
    """uvicorn, which says where the site is, and ends with 0 when it is told to end."""

    def __init__(self, config: uvicorn.Config, dwell: Dwell, address: str) -> None:
        super().__init__(config)
        self._dwell = dwell
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        # What is here now stays to the end: a full collection would go through it all, 11 ms long.
        gc.collect()
        gc.freeze()
        await super().startup(sockets)
        print(f"the site is at {self._address}/", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, then end."""
        self._dwell.collector.closing = True
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


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on each address of `host`.

    Raises:
        AlreadyRunning: something else listens there.
        DwellError: the address is none of this machine's, or may not be used.
    """
    sockets: list[socket.socket] = []
    unusable: OSError | None = None
    try:
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
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
        raise _explained(error, host, port) from None
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


def _explained(error: OSError, host: str, port: int) -> DwellError:
    if error.errno == errno.EADDRINUSE:
        return AlreadyRunning(
            f"{host}:{port} is in use by another process: end that one, "
            "or choose another port with --port or DWELL_PORT"
        )
    return DwellError(
        f"{host}:{port} cannot be listened on ({error.strerror}): "
        "choose another address with --host or DWELL_HOST, or another port with --port or DWELL_PORT"
    )


def address_of(settings: Settings) -> str:
    """Where a browser finds the site."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
