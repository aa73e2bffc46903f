"""The beacon as browsers get it: with the settings in it, small, and answered from memory."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import brotli
import minify
from starlette.types import Receive, Scope, Send

from dwell.headers import SHARED, Raw, raw
from dwell.settings import Settings
from dwell.site.beacon.codings import IDENTITY, choose

SOURCE = Path(__file__).with_name("beacon.js")
TYPES = Path(__file__).with_name("dwell.d.ts")


def minified(settings: Settings) -> bytes:
    """`beacon.js` with the settings in the place of their names, minified."""
    values = {
        "SESSION_TIMEOUT": settings.session_timeout,
        "HONOUR_OPT_OUT": settings.honour_opt_out,
        "REQUIRE_CONSENT": settings.require_consent,
    }
    text = SOURCE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(name, json.dumps(value))
    small: str = minify.string("application/javascript", text)
    return small.encode()


class Script:
    """An ASGI application that serves the beacon, under its stable name and under a hashed one.

    Attributes:
        content: the script, uncompressed.
        name: the file name with the content's hash, which may be cached for ever.
        integrity: for the attribute of that name: a page may refuse any other content.
    """

    def __init__(self, settings: Settings) -> None:
        self.content = minified(settings)
        digest = hashlib.sha256(self.content).hexdigest()[:12]
        self.name = f"beacon.{digest}.js"
        self.integrity = _integrity(self.content)
        bodies = {
            "br": brotli.compress(self.content, mode=brotli.MODE_TEXT, quality=11),
            "gzip": gzip.compress(self.content, 9, mtime=0),
            IDENTITY: self.content,
        }
        smallest_first = sorted(bodies, key=lambda coding: len(bodies[coding]))
        self._variants = {
            coding: _Variant(bodies[coding], digest, coding) for coding in smallest_first
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD. A hashed name of another version gets this one, cached shortly."""
        variant = self._variants[choose(_header(scope, b"accept-encoding"), self._variants)]
        for_ever = scope["path"].rpartition("/")[2] == self.name
        cached = _IMMUTABLE if for_ever else _SHORTLY
        if _is_known(_header(scope, b"if-none-match"), variant.tag):
            await _answer(send, 304, (*variant.validators, cached))
            return
        body = b"" if scope["method"] == "HEAD" else variant.body
        await _answer(send, 200, (*variant.headers, cached), body)


_GUARDED = raw(SHARED)
_IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
_SHORTLY = (b"cache-control", b"public, max-age=300")
_TAGS = re.compile(r'"[^"]*"')


def _integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


class _Variant:
    """The script in one content coding, with its headers."""

    def __init__(self, body: bytes, digest: str, coding: str) -> None:
        plain = coding == IDENTITY
        self.body = body
        self.tag = f'"{digest}"' if plain else f'"{digest}-{coding}"'
        self.validators: Raw = (
            (b"etag", self.tag.encode()),
            (b"vary", b"Accept-Encoding"),
            # Pages of any other site may load it, also those that ask for CORS or isolate themselves.
            (b"access-control-allow-origin", b"*"),
            *_GUARDED,
        )
        self.headers: Raw = (
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *([] if plain else [(b"content-encoding", coding.encode())]),
            *self.validators,
        )


async def _answer(send: Send, status: int, headers: Raw, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _header(scope: Scope, name: bytes) -> str:
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


def _is_known(asked: str, tag: str) -> bool:
    # RFC 9110, 13.1.2: If-None-Match compares weakly, so W/"x" is "x".
    return tag in _TAGS.findall(asked) or asked.strip() == "*"
