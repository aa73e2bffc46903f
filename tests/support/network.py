"""A stretch of network between browsers and a site, that can be taken away and given back."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Network:
    """Carries every connection to one port of this machine, until it is away: then connections end
    without an answer, and new ones come to nothing."""

    def __init__(self, port: int) -> None:
        self._beyond = port
        self._away = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network")
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def away(self, away: bool) -> None:
        """Take the network away, or give it back."""
        self._do(self._set(away))

    async def _set(self, away: bool) -> None:
        self._away = away
        if away:
            self._abort()

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._away:
            writer.transport.abort()
            return
        beyond_reader, beyond = await asyncio.open_connection("127.0.0.1", self._beyond)
        both = {writer, beyond}
        self._open |= both
        try:
            await asyncio.gather(_pour(reader, beyond), _pour(beyond_reader, writer))
        finally:
            self._open -= both
            for each in both:
                each.close()

    async def _end(self) -> None:
        self._server.close()
        self._abort()
        await asyncio.sleep(0.05)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def end(self) -> None:
        """No connection outlives it."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def network_to(origin: str) -> Iterator[tuple[Network, str]]:
    """A network to a site of this machine, and the site's origin through it."""
    host, _, port = origin.rpartition(":")
    network = Network(int(port))
    try:
        yield network, f"{host}:{network.port}"
    finally:
        network.end()
