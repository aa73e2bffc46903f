"""The headers that guard whoever is answered, after OWASP's Secure Headers Project: what has which.

    SITE        the pages of the demonstration, and what leads from one to another
    DASHBOARD   whatever the dashboard answers
    DATA        what is no page: health, figures, files, errors of the site, what connections are refused
    SHARED      the same, where pages of other origins may have it: the collector and the script

They are part of each answer that is made in advance: to add them later would cost each request.
Only `HSTS` depends on the request.
"""

from collections.abc import Mapping

Raw = tuple[tuple[bytes, bytes], ...]

_FEATURES = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb"),
)


def _policy(*directives: str) -> str:
    return "; ".join(directives)


_EVERY = {"x-content-type-options": "nosniff", "x-frame-options": "DENY"}
_DOCUMENT = _EVERY | {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
}

SITE = _DOCUMENT | {
    "content-security-policy": _policy(
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ),
    # The beacon tells which page of the site came before; other sites learn the origin alone. What
    # leads on has it too: its policy holds for the page it leads to.
    "referrer-policy": "strict-origin-when-cross-origin",
}
"""Everything from here, nothing inline, nothing framed."""

DASHBOARD = _DOCUMENT | {
    "content-security-policy": _policy(
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ),
    # The address of a page says what somebody looked for; no other site learns it.
    "referrer-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
}
"""Everything from here, nothing inline, nothing evaluated, nothing framed, nothing in a search."""

DATA = _EVERY | {
    "content-security-policy": _policy("default-src 'none'", "frame-ancestors 'none'"),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
"""Should a browser take it for a page, then for one that can do nothing."""

SHARED = DATA | {"cross-origin-resource-policy": "cross-origin"}

HSTS = ("strict-transport-security", "max-age=31536000")
"""Of an answer to https, where the process and so the host are Dwell's own. Hosts below are left out:
they are not this one's to promise anything for."""


def raw(headers: Mapping[str, str]) -> Raw:
    """Headers as ASGI has them."""
    return tuple(
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    )


RAW_HSTS = (HSTS[0].encode(), HSTS[1].encode())
