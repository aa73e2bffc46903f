"""Answers to several questions as one: a line for each, sent as soon as it is there."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dwell.site.dashboard.headers import PRIVATE
from dwell.site.dashboard.leaving import unless_gone

MEDIA_TYPE = "application/x-ndjson"

Line = Coroutine[Any, Any, bytes]


class Lines(Response):
    """The answer that grows. Who goes away before its end lets go of what is not answered."""

    media_type = MEDIA_TYPE

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__(headers={"cache-control": PRIVATE, "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then what comes."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await unless_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async for body in as_they_come(self._lines):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def as_they_come(lines: Sequence[Line]) -> AsyncIterator[bytes]:
    """The lines in the order in which they are there, those of one moment together."""
    waiting = {asyncio.create_task(line) for line in lines}
    try:
        while waiting:
            there, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            yield b"".join(line.result() for line in there)
    finally:
        for line in waiting:
            line.cancel()
