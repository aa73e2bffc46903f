"""Styles and scripts: minified once, under an address that changes when any of them does."""

import asyncio
import gzip
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import brotli
import minify
from starlette.requests import Request
from starlette.responses import Response

from dwell.site.beacon.codings import IDENTITY, choose
from dwell.site.dashboard.refusals import Cause, Refused

HOME = Path(__file__).parent
FOLDER = HOME / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
KEPT = "private, max-age=31536000, immutable"
FRESH = "private, no-cache"

_CODERS = {
    "br": lambda body: brotli.compress(body, quality=9),
    "gzip": lambda body: gzip.compress(body, 9, mtime=0),
}


class Asset:
    """One file, and what it is in each coding; coded when it is first asked for."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type
        self._coded = {IDENTITY: body}

    async def coded(self, coding: str) -> bytes:
        """The file in that coding."""
        if coding not in self._coded:
            self._coded[coding] = await asyncio.to_thread(_CODERS[coding], self.body)
        return self._coded[coding]


class Assets:
    """The files of `static/`, and others by the path they are asked for with.

    They share one folder in the address, `assets/<digest of all>/`, so that modules import each
    other by relative paths, as they stand in the tree.

    Attributes:
        base: that folder, from the root of the dashboard, without a slash at its ends.
    """

    def __init__(self, more: Mapping[str, tuple[bytes, str]] | None = None) -> None:
        """
        Args:
            more: body and media type by path, such as `{"vega.js": (…, "text/javascript")}`.
        """
        self._assets = {
            str(file.relative_to(HOME)): _read(file)
            for file in sorted(FOLDER.rglob("*"))
            if file.suffix in MEDIA_TYPES
        }
        self._assets |= {path: Asset(*given) for path, given in (more or {}).items()}
        whole = sha256()
        for path, asset in sorted(self._assets.items()):
            whole.update(f"{path}\0{len(asset.body)}\0".encode() + asset.body)
        self.digest = whole.hexdigest()[:16]
        self.base = f"assets/{self.digest}"

    def path(self, name: str) -> str:
        """Where a file is, from the root of the dashboard: `asset("static/board.css")`."""
        assert name in self._assets, f"there is no {name} among the assets"
        return f"{self.base}/{name}"

    async def serve(self, request: Request) -> Response:
        """Answer with a file. A page that was made before an update gets the present one, which is
        not kept under the older name."""
        asset = self._assets.get(request.path_params["path"])
        if asset is None:
            raise Refused(Cause.NOT_FOUND, "there is no such file")
        coding = choose(request.headers.get("accept-encoding", ""), ("br", "gzip", IDENTITY))
        headers = {
            "cache-control": KEPT if request.path_params["digest"] == self.digest else FRESH,
            "vary": "Accept-Encoding",
        }
        if coding != IDENTITY:
            headers["content-encoding"] = coding
        body = await asset.coded(coding)
        return Response(body, headers=headers, media_type=asset.media_type)


def _read(file: Path) -> Asset:
    media_type = MEDIA_TYPES[file.suffix]
    body = minify.string(media_type.partition(";")[0], file.read_text("utf-8")).encode()
    return Asset(body, media_type)
