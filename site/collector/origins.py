"""Which origins may send facts, and the headers that let their scripts read the answer."""

from collections.abc import Iterable

from dwell.site.collector.problems import Header
from dwell.site.collector.refusals import Cause, Refused
from dwell.site.collector.request import Request

_OTHERS = (b"cross-site", b"same-site")
"""What `Sec-Fetch-Site` says of another origin; `none` is the person at the browser."""


class Origins:
    """The site's own origin, which each request shows, and the allowed ones."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._headers = {
            origin.encode(): (
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", b"Retry-After"),
                (b"vary", b"Origin"),
            )
            for origin in allowed
        }

    def admit(self, request: Request) -> None:
        """Let pass what comes from here or from an allowed origin.

        A request with neither `Origin` nor `Sec-Fetch-Site` does not come from a page of a browser
        and passes too. A page with `Referrer-Policy: no-referrer` keeps its origin to itself, and its
        browser says all the same that it is the same.

        Raises:
            Refused: it comes from another origin.
        """
        headers = request.headers
        origin = headers.get(b"origin")
        site = headers.get(b"sec-fetch-site")
        if site not in _OTHERS and (origin is None or _is_own(origin, request)):
            return
        if site == b"same-origin" and origin == b"null":
            return
        if origin is None or origin.lower() not in self._headers:
            raise Refused(Cause.OTHER_ORIGIN, _detail(origin, site, request))

    def headers_for(self, request: Request) -> tuple[Header, ...]:
        """The CORS headers of an answer: none but for an allowed origin."""
        if not self._headers:
            return ()
        return self._headers.get(request.headers.get(b"origin", b"").lower(), ())


def _is_own(origin: bytes, request: Request) -> bool:
    scheme, port = (b"https://", b":443") if request.secure else (b"http://", b":80")
    own = scheme + request.host
    return origin == own or origin.lower() == own.lower().removesuffix(port)


def _detail(origin: bytes | None, site: bytes | None, request: Request) -> str:
    if origin is not None and not _is_own(origin, request):
        given = f"Origin is {origin.decode('latin-1')!r}"
    else:
        given = f"Sec-Fetch-Site is {(site or b'').decode('latin-1')!r}"
    scheme = "https" if request.secure else "http"
    own = f"{scheme}://{request.host.decode('latin-1')}"
    return f"{given}: expected {own!r} or an origin in DWELL_ALLOWED_ORIGINS"
