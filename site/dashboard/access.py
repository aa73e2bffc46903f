"""Who may look: who gave the password, whom a trusted proxy vouches for, or who is on this machine."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from dwell.errors import SettingInvalid
from dwell.settings import Settings
from dwell.site.collector.request import Request, parsed
from dwell.site.dashboard.passwords import Password
from dwell.site.dashboard.refusals import Cause, Refused
from dwell.site.dashboard.sessions import Sessions, name_of

By = Literal["password", "proxy", "application", "nobody"]

_FORWARDED = (
    *(b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"cf-connecting-ip"),
    *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-server"),
)
"""By these a proxy is known, if it wants to be."""
_PORT = re.compile(r":[0-9]*$")
_COOKIE = {
    secure: re.compile(rb"(?:^|;)[ \t]*%b=([^;,\s]+)" % re.escape(name_of(secure)).encode())
    for secure in (False, True)
}


@dataclass(frozen=True)
class User:
    """Somebody who may look.

    Attributes:
        name: as the proxy said it; empty for the others.
        by: what they are let in by; "nobody" asked on this machine alone.
    """

    name: str
    by: By

    @classmethod
    def of(cls, scope: Any) -> "User | None":
        """Who sends the request; `None` before they signed in."""
        user: User | None = scope.get("dwell.user")
        return user


class Access:
    """Tells who sends a request, by the settings.

    Attributes:
        password: `None` if there is none.
        sessions: of those who gave it.
    """

    def __init__(self, settings: Settings, *, guarded: bool = True) -> None:
        """
        Args:
            guarded: False where the application around asks who is there.

        Raises:
            SettingInvalid: the file of the password cannot be used, or no proxy is trusted to name
                users.
        """
        file = settings.dashboard_password_file
        self._guarded = guarded
        self._header = settings.dashboard_user_header.lower().encode()
        self._proxies = settings.trusted_networks
        self._names = {"localhost", "127.0.0.1", "[::1]", _written(settings.dashboard_host)}
        self.password = Password.read(file) if file else None
        self.sessions = Sessions(self.password.key) if self.password else None
        if self._header and not self._proxies:
            raise SettingInvalid(
                f"DWELL_DASHBOARD_USER_HEADER is '{settings.dashboard_user_header}', and no proxy is "
                "trusted to send it: expected the proxy's address in DWELL_TRUSTED_PROXIES"
            )

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked, on this machine alone."""
        return self._guarded and not self._header and self.password is None

    def user(self, request: Request, peer: tuple[str, int] | None) -> User | None:
        """Who sends this request; `None` if they are yet to give the password.

        Args:
            peer: address and port of the other end of the connection, a proxy's or the client's.
                Servers that believe proxies themselves put what these say there, with port 0.

        Raises:
            Refused: the dashboard is open on this machine alone, and the request is not from there.
        """
        if not self._guarded:
            return User("", "application")
        if self.is_open:
            self._admit_local(request, peer)
            return User("", "nobody")
        return self._proxied(request, peer) or self._known(request)

    def _proxied(self, request: Request, peer: tuple[str, int] | None) -> User | None:
        address = parsed(peer[0]) if peer and peer[1] else None
        if not self._header or address is None:
            return None
        name = request.headers.get(self._header, b"").decode("utf-8", "replace").strip()
        if not name or not any(address in network for network in self._proxies):
            return None
        return User(name, "proxy")

    def _known(self, request: Request) -> User | None:
        if self.sessions is None:
            return None
        token = _cookie(request)
        return User("", "password") if token and self.sessions.holds(token) else None

    def _admit_local(self, request: Request, peer: tuple[str, int] | None) -> None:
        """A page of any site may have its own name lead to this machine, but not change `Host`."""
        address = parsed(peer[0]) if peer else None
        if peer is not None and (address is None or not address.is_loopback):
            raise _not_local("the connection is not from this machine")
        if any(header in request.headers for header in _FORWARDED):
            raise _not_local("the request came through a proxy")
        host = _PORT.sub("", request.headers.get(b"host", b"").decode("latin-1").lower())
        if host not in self._names:
            expected = " or ".join(sorted(self._names))
            raise Refused(Cause.OTHER_HOST, f"Host is {host!r}: expected {expected}")


def _not_local(what: str) -> Refused:
    return Refused(
        Cause.NOT_PROXIED,
        f"{what}, and this dashboard asks nobody who they are: expected a password in "
        "DWELL_DASHBOARD_PASSWORD_FILE, or a proxy's word in DWELL_DASHBOARD_USER_HEADER",
    )


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def _cookie(request: Request) -> str | None:
    found = _COOKIE[request.secure].search(request.headers.get(b"cookie", b""))
    return found[1].decode("latin-1") if found else None
