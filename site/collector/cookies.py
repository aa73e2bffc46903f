"""The visitor cookie: read from a request, renewed or ended by an answer."""

import re
from typing import Literal

NAME = b"dwell_visitor"
MAX_AGE = 34_560_000
"""400 days in seconds, the longest that browsers keep a cookie."""
SESSION_ENDED = (b"set-cookie", b"dwell_session=; Max-Age=0; Path=/; SameSite=Lax")
"""Ends the beacon's session: a new visitor has the id of a session, so this one must not go on."""

_NIL = b"00000000-0000-0000-0000-000000000000"
_VISITOR = re.compile(
    rb"(?:^|;)[ \t]*"
    + NAME
    + rb"=([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})[ \t]*(?=;|$)"
)


def visitor_in(cookies: bytes) -> str | None:
    """The visitor in a `Cookie` header: a UUID of the usual form other than nil, lower case."""
    for found in _VISITOR.finditer(cookies):
        if found[1] != _NIL:
            return found[1].decode().lower()
    return None


class VisitorCookie:
    """The `Set-Cookie` headers of the visitor cookie."""

    def __init__(self, samesite: Literal["lax", "none"]) -> None:
        if samesite == "none":
            plain = secure = b"; Path=/; HttpOnly; SameSite=None; Secure; Partitioned"
        else:
            plain = b"; Path=/; HttpOnly; SameSite=Lax"
            secure = plain + b"; Secure"
        self._attributes = (plain, secure)

    def renewed(self, visitor: str, secure: bool) -> tuple[bytes, bytes]:
        """The header that keeps the visitor for another 400 days."""
        return self._header(visitor.encode(), MAX_AGE, secure)

    def ended(self, secure: bool) -> tuple[bytes, bytes]:
        """The header that makes the browser drop the visitor."""
        return self._header(b"", 0, secure)

    def _header(self, value: bytes, age: int, secure: bool) -> tuple[bytes, bytes]:
        return b"set-cookie", b"%b=%b; Max-Age=%d%b" % (
            NAME,
            value,
            age,
            self._attributes[secure],
        )
