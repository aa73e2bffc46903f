"""Health, as those ask for it who start processes again or send requests to them."""

import json
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from dwell.headers import DATA, raw

LIVE, READY = "/health/live", "/health/ready"
QUESTIONS = (LIVE, READY)
"""Paths below the prefix."""
PREFIX = "/dwell"
"""Where there is no setting for it."""

_READY = b'{"ready": true}'
_HEADERS = raw(DATA | {"content-type": "application/json", "cache-control": "no-store"})

Ready = Callable[[], Awaitable[str | None]]
"""Whether a process can do its work now: `None`, or one word for why not, which anybody may read.

It is cheap, and bounded in time.
"""


class Health:
    """An ASGI application that answers both questions, below any prefix: 200 is yes, 503 is no.

    Live is who answers at all: another one in its place would do no better as long as it does. Ready
    is who can do its work now.
    """

    def __init__(self, ready: Ready) -> None:
        self.ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        if scope["path"].endswith(LIVE):
            why, body = None, b'{"live": true}'
        else:
            why = await self.ready()
            body = _READY if why is None else json.dumps({"ready": False, "reason": why}).encode()
        headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]
        status = 200 if why is None else 503
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )
