"""What tells open pages of each new publication: server-sent events."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dwell.errors import WarehouseError
from dwell.site.dashboard.leaving import gone
from dwell.site.dashboard.newest import Newest, Shown
from dwell.site.dashboard.refusals import Cause, Refused
from dwell.warehouse.panels.answer import iso
from dwell.warehouse.panels.selection import end_of_minute

MOST = 64
"""Streams at a time; a page has one."""
LOOK_SECONDS = 1.0
"""Between two looks at the published file."""
EVENT_SECONDS = 5.0
"""Between two events, at least: each has every open page ask for its panels again."""
COMMENT_SECONDS = 15.0
"""Between two signs of life, so that no proxy takes a silent stream for a dead one."""
LONGEST_SECONDS = 1_800.0
"""Then a stream ends, and the browser comes again, if it still may."""
RETRY_MS = 3_000
"""After which a browser comes again."""


class Streams:
    """Hands out streams, so many at a time."""

    def __init__(
        self, newest: Newest, projecting: Callable[[], bool | None] = lambda: None
    ) -> None:
        """
        Args:
            projecting: whether a projector is at work, if that is known.
        """
        self._newest = newest
        self._projecting = projecting
        self._open = 0
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        """How many are open."""
        return self._open

    async def serve(self, request: Request) -> Response:
        """A stream of events named `published`: one at once, and one for each new publication, or when
        the same is shown as of a later time; and of events named `projecting`, when that changes.

        Raises:
            Refused: there are as many as there may be.
        """
        if self._open >= MOST:
            raise Refused(
                Cause.BUSY,
                f"{MOST} pages are kept up to date already: expected fewer open at a time",
                {"retry-after": "60"},
            )
        return Stream(self)

    def close(self) -> None:
        """End all streams, now and later."""
        self._closing.set()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One more is open for the time of a `with`."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def run(self, receive: Receive, send: Send) -> None:
        """Send events until the client goes away, or the stream is old, or all are to end."""
        loop = asyncio.get_running_loop()
        leaving = asyncio.create_task(gone(receive))
        closing = asyncio.create_task(self._closing.wait())
        ends = loop.time() + LONGEST_SECONDS
        told: Shown | None = None
        told_at, heard_at = float("-inf"), loop.time()
        is_behind, projecting = False, self._projecting()
        try:
            while not (leaving.done() or closing.done()) and loop.time() < ends:
                now = loop.time()
                if is_behind or now - told_at >= EVENT_SECONDS:
                    shown = await self._shown(comes=told is None)
                    if shown is not None and shown != told:
                        is_behind = told is None and self._newest.is_behind()
                        projecting = self._projecting()
                        await _send(send, _event(shown, is_behind, projecting))
                        told, told_at, heard_at = shown, now, now
                if now - heard_at >= COMMENT_SECONDS:
                    before, projecting = projecting, self._projecting()
                    changed = _changed(projecting) if projecting != before else ""
                    await _send(send, changed or ": still here\n\n")
                    heard_at = now
                await asyncio.wait(
                    (leaving, closing), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            leaving.cancel()
            closing.cancel()

    async def _shown(self, *, comes: bool) -> Shown | None:
        """`None` if there is nothing, or it is not known in time: there is a next look."""
        with suppress(WarehouseError, Refused):
            return await self._newest.shown(comes=comes)
        return None


class Stream(Response):
    """The answer that is a stream."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams) -> None:
        # A proxy that gathers answers, nginx by default, would keep events back.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then what comes."""
        with self._streams.counted():  # before anything is waited for: the next is refused in time
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if scope["method"] == "GET":
            await _send(send, f"retry: {RETRY_MS}\n\n")
            await self._streams.run(receive, send)
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b""})


def _event(shown: Shown, is_behind: bool, projecting: bool | None) -> str:
    publication = shown.publication
    age = datetime.now(UTC) - publication.published_at
    data = {
        "publication": publication.identity,
        "published_at": iso(publication.published_at),
        "now": iso(end_of_minute(shown.at)),
        "age": round(age.total_seconds() * 1000),
        "behind": is_behind,
        "projecting": projecting,
    }
    return f"event: published\ndata: {json.dumps(data)}\n\n"


def _changed(projecting: bool | None) -> str:
    return f"event: projecting\ndata: {json.dumps(projecting)}\n\n"


async def _send(send: Send, text: str) -> None:
    with suppress(OSError):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
