"""Answers made in advance: while a request waits nothing is read, rendered or formatted."""

from collections.abc import Mapping
from hashlib import sha256

from starlette.types import Receive, Scope, Send

from dwell.headers import SITE, raw


def digest(body: bytes) -> str:
    """A name for this content, good for a URL and for an ETag."""
    return sha256(body).hexdigest()[:16]


def _header(scope: Scope, name: bytes) -> bytes:
    return b",".join(value for key, value in scope["headers"] if key == name)


class Answer:
    """An ASGI application that gives one body; a client that has it already gets 304."""

    def __init__(
        self, body: bytes, media_type: str, headers: Mapping[str, str], status: int = 200
    ) -> None:
        self.body = body
        self.status = status
        tag = f'"{digest(body)}"'
        kept = raw({"etag": tag, **headers})
        content = {"content-type": media_type, "content-length": str(len(body))}
        self._tag = tag.encode()
        self._whole = {
            "type": "http.response.start",
            "status": status,
            "headers": raw(content) + kept,
        }
        self._unchanged = {"type": "http.response.start", "status": 304, "headers": kept}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        if self.status == 200 and self._is_known(_header(scope, b"if-none-match")):
            await send(self._unchanged)
            await send({"type": "http.response.body", "body": b""})
            return
        await send(self._whole)
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})

    def _is_known(self, asked: bytes) -> bool:
        # Proxies that compress weaken the tag to W/"…" (RFC 9110, 13.1.2: compared weakly here).
        return bool(asked) and any(
            tag.strip().removeprefix(b"W/") in (self._tag, b"*") for tag in asked.split(b",")
        )


class Redirect:
    """An ASGI application that sends the visitor to a path of this site, with the query they came with."""

    def __init__(self, path: str, status: int, cache_control: str) -> None:
        self._path = path.encode()
        self._status = status
        self._headers = raw(SITE | {"content-length": "0", "cache-control": cache_control})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any method; the path is relative, so that it holds behind every proxy."""
        query: bytes = scope["query_string"]
        location = self._path + b"?" + query if query else self._path
        headers = [(b"location", location), *self._headers]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
