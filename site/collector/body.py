"""The body of a request, read within a bound of bytes and of time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dwell.site.collector.refusals import Cause, Refused
from dwell.site.collector.request import Request

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_BODY = 65_536
"""Bytes of a body: the browsers' own bound for a request that may outlive its page."""
SECONDS = 10.0
"""How long a body may take; a modem sends 64 KiB in that time."""

_CLOSE = ((b"connection", b"close"),)


def admit_length(request: Request) -> None:
    """Refuse a body that is too large by its own account, before a byte of it is read.

    Raises:
        Refused: `TOO_LARGE`.
    """
    announced = request.headers.get(b"content-length", b"")
    if len(announced) > 4 and announced.isdigit() and int(announced[:20]) > MAX_BODY:
        raise _too_large()


def admit_body(body: bytes) -> None:
    """Refuse a whole body that is too large.

    Raises:
        Refused: `TOO_LARGE`.
    """
    if len(body) > MAX_BODY:
        raise _too_large()


class Bodies:
    """Reads bodies.

    One timer watches them all, set for the oldest: a timer for each body costs 7 µs a request,
    this one less than 1.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._deadlines: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def read(self, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            Refused: `TOO_LARGE` as soon as it is, `TOO_SLOW`, or `DISCONNECTED`.
        """
        task = asyncio.current_task()
        assert task is not None
        self._watch_over(task)
        try:
            return await _whole(receive)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            detail = f"the body was not complete after {self._seconds:g} s"
            raise Refused(Cause.TOO_SLOW, detail, headers=_CLOSE) from None
        finally:
            del self._deadlines[task]
            self._late.discard(task)

    def _watch_over(self, task: asyncio.Task[Any]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        self._deadlines[task] = deadline
        if self._watch is None or self._loop is not loop:
            self._loop = loop
            self._watch = loop.call_at(deadline, self._end_late_ones, loop)

    def _end_late_ones(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watch = None
        now = loop.time()
        for task, deadline in self._deadlines.items():
            if deadline > now:
                self._watch = loop.call_at(deadline, self._end_late_ones, loop)
                return
            if task not in self._late:
                self._late.add(task)
                task.cancel()


async def _whole(receive: Receive) -> bytes:
    chunk, more = await _chunk(receive)
    if not more and len(chunk) <= MAX_BODY:
        return chunk
    body = bytearray(chunk)
    while more and len(body) <= MAX_BODY:
        chunk, more = await _chunk(receive)
        body += chunk
    if len(body) > MAX_BODY:
        raise _too_large()
    return bytes(body)


async def _chunk(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] != "http.request":
        raise Refused(Cause.DISCONNECTED)
    return message.get("body", b""), message.get("more_body", False)


def _too_large() -> Refused:
    return Refused(Cause.TOO_LARGE, f"the body is too large: expected at most {MAX_BODY} bytes")
