"""A dashboard on a socket of this process, and what its tests send to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from argon2 import PasswordHasher

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from tests.support.serving import Client, Reply, client_of

PASSWORD = "open sesame"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
"""What a browser asks for with when a person goes somewhere."""


@cache
def hashed(password: str = PASSWORD) -> str:
    """A hash that is checked in no time, unlike those that Dwell makes."""
    return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password)


def password_file(folder: Path, password: str = PASSWORD) -> Path:
    """A file with the hash of a password."""
    file = folder / "dashboard-password"
    file.write_text(f"{hashed(password)}\n")
    return file


@contextmanager
def dashboard(
    settings: Settings, *, guarded: bool = True, proxy_headers: bool = False
) -> Iterator[Client]:
    """A client for a dashboard of these settings, for the time of a `with`."""
    app = create_dashboard(settings, guarded=guarded)
    with client_of(app, proxy_headers=proxy_headers) as client:
        yield client


def sign_in(
    client: Client,
    password: str = PASSWORD,
    *,
    at: str = "/login",
    headers: Mapping[str, str] | None = None,
    **fields: str,
) -> Reply:
    """What the form of the login page sends."""
    body = urlencode({"password": password, **fields}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded", **PAGE, **(headers or {})}
    return client.ask("POST", at, form, body)


def cookie_of(reply: Reply) -> dict[str, str]:
    """The header with which a browser sends back the cookie it was given."""
    given = reply.headers["Set-Cookie"]
    return {"Cookie": given.partition(";")[0]}
