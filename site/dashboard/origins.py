"""Whether a request comes from a page of the dashboard itself, or from the person at the browser."""

from dwell.site.collector.request import Request
from dwell.site.dashboard.refusals import Cause, Refused

_OTHERS = (b"cross-site", b"same-site")


def admit_origin(request: Request, method: str) -> None:
    """Let other sites link here, and nothing else: neither post nor embed nor fetch.

    A request without `Origin` and `Sec-Fetch-Site` does not come from a page of a browser.

    Raises:
        Refused: another site has the browser send it.
    """
    site = request.headers.get(b"sec-fetch-site")
    safe = method in ("GET", "HEAD")
    is_link = safe and request.headers.get(b"sec-fetch-mode") == b"navigate"
    if site in _OTHERS and not is_link:
        raise Refused(
            Cause.OTHER_ORIGIN,
            f"Sec-Fetch-Site is {site.decode()!r}: expected 'same-origin', or a link",
        )
    origin = request.headers.get(b"origin")
    if origin is not None and not safe and not _is_own(origin, request):
        own = f"{'https' if request.secure else 'http'}://{request.host.decode('latin-1')}"
        raise Refused(
            Cause.OTHER_ORIGIN,
            f"Origin is {origin.decode('latin-1')!r}: expected {own!r}; is a proxy missing in "
            "DWELL_TRUSTED_PROXIES?",
        )


def comes_by_link(request: Request) -> bool:
    """Whether somebody followed a link of another site, so that their `Strict` cookie stayed behind."""
    return request.headers.get(b"sec-fetch-site") in _OTHERS


def _is_own(origin: bytes, request: Request) -> bool:
    scheme, port = (b"https://", b":443") if request.secure else (b"http://", b":80")
    own = (scheme + request.host).lower().removesuffix(port)
    return origin.lower() == own
