"""A broker that answers late, as from far away."""

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.network import Network, _pour

HOST = b"127.0.0.1"


class Late(Network):
    """Carries every connection to one broker, and its answers so many seconds later. Where they name the
    broker's address they name this one, so that nobody goes past it."""

    def __init__(self, port: int, seconds: float) -> None:
        self._seconds = seconds
        self._latest = 0.0
        super().__init__(port)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond_reader, beyond = await asyncio.open_connection("127.0.0.1", self._beyond)
        both = {writer, beyond}
        self._open |= both
        try:
            await asyncio.gather(_pour(reader, beyond), self._answer(beyond_reader, writer))
        finally:
            self._open -= both
            for each in both:
                each.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**20):
            self._latest = max(self._latest, self._loop.time() + self._seconds)
            named = data.replace(_address(self._beyond), _address(self.port))
            self._loop.call_at(self._latest, _write, writer, named)
        writer.close()


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


def _address(port: int) -> bytes:
    """As the protocol has host and port of a broker."""
    return HOST + struct.pack(">i", port)


@contextmanager
def late(address: str, seconds: float) -> Iterator[str]:
    """Another address of a broker of this machine, at which it answers late."""
    network = Late(int(address.rpartition(":")[2]), seconds)
    try:
        yield f"127.0.0.1:{network.port}"
    finally:
        network.end()
