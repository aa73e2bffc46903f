"""The headers that guard whoever is answered: of every route that Dwell serves, and of every error."""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from dwell.figures.port import MOST
from dwell.headers import DASHBOARD, DATA, HSTS, SHARED, SITE
from dwell.settings import Settings
from tests.support.routes import (
    DASHBOARD_ROUTES,
    FIGURES_ROUTES,
    SITE_ROUTES,
    a_dashboard,
    a_site,
    dashboard_routes,
    site_routes,
    some_figures,
)
from tests.support.serving import Client, Reply

HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
GUARDS = {*SITE, *DASHBOARD, HSTS[0]}
TELLING = ("server", "x-powered-by", "x-aspnet-version", "via")
"""By these a server says what it is."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with a_site(tmp_path_factory.mktemp("site"), trusted_proxies="127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with a_dashboard(tmp_path_factory.mktemp("board")) as client:
        yield client


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with some_figures(tmp_path_factory.mktemp("figures")) as client:
        yield client


def assert_guarded(reply: Reply, guards: Mapping[str, str]) -> None:
    """That the answer has these headers, each once, none other of their kind, and says what it is."""
    given = {name: reply.headers.get_all(name) for name in GUARDS}
    assert given == {name: [guards[name]] if name in guards else None for name in GUARDS}
    assert len(reply.headers.get_all("cache-control") or []) == 1
    assert not any(name in reply.headers for name in TELLING)
    if reply.content:
        assert reply.headers["content-type"]


def test_every_route_of_the_site_is_listed(tmp_path: Path) -> None:
    assert site_routes(Settings(data=tmp_path)) == set(SITE_ROUTES)


def test_every_route_of_the_dashboard_is_listed(tmp_path: Path) -> None:
    assert dashboard_routes(Settings(data=tmp_path)) == set(DASHBOARD_ROUTES)


def addresses(site: Client) -> dict[str, str]:
    """The files of the pages, by their names without digests."""
    found = re.findall(r'"(/static/[^"]+)"', site.get("/").text + site.get("/page_c/tab_1").text)
    return {re.sub(r"\.[0-9a-f]{16}\.", ".*.", path): path for path in found}


@pytest.mark.parametrize("path", SITE_ROUTES)
def test_every_answer_of_the_site_is_guarded(site: Client, path: str) -> None:
    files = addresses(site)
    there = files.get(path.removesuffix("/"), path.removesuffix("/"))
    path = there + "/" * path.endswith("/") if there else "/"
    guards = SITE_ROUTES.get(re.sub(r"\.[0-9a-f]{16}\.", ".*.", path), {})
    got = site.get(path)
    assert_guarded(got, guards)
    assert_guarded(site.get(path, HTTPS), {**guards, HSTS[0]: HSTS[1]})
    assert_guarded(site.ask("HEAD", path), guards)
    if "etag" in got.headers:
        unchanged = site.get(path, {"If-None-Match": got.headers["etag"]})
        assert unchanged.status == 304
        assert_guarded(unchanged, guards)
    other = site.ask("PUT", path)
    if other.status == 405:
        assert_guarded(other, SHARED if path.startswith("/dwell") else DATA)
        assert "GET" in other.headers["allow"] or path.startswith("/dwell/")


FACTS = "/dwell/facts"
PLAIN = {"Content-Type": "text/plain"}
ERRORS: dict[str, tuple[int, str, str, dict[str, str], bytes]] = {
    "a good one": (204, "POST", FACTS, PLAIN | {"DNT": "1"}, b"{}"),
    "not JSON": (400, "POST", FACTS, PLAIN, b"{"),
    "another origin": (403, "POST", FACTS, PLAIN | {"Origin": "https://x.example"}, b"{}"),
    "nothing there": (404, "GET", "/dwell/nothing", {}, b""),
    "another method": (405, "GET", FACTS, {}, b""),
    "too large": (413, "POST", FACTS, PLAIN, b" " * 70_000),
    "another type": (415, "POST", FACTS, {"Content-Type": "text/html"}, b"{}"),
    "by ASGI": (400, "POST", f"{FACTS}?by=asgi", PLAIN, b"{"),
    "a preflight": (204, "OPTIONS", FACTS, {}, b""),
    "the end": (204, "DELETE", "/dwell/visitor", {}, b""),
}


@pytest.mark.parametrize("case", ERRORS)
def test_every_answer_of_the_collector_is_guarded(site: Client, case: str) -> None:
    status, method, path, headers, body = ERRORS[case]
    reply = site.ask(method, path, headers, body or None)
    assert reply.status == status
    assert_guarded(reply, SHARED)
    assert_guarded(site.ask(method, path, headers | HTTPS, body or None), SHARED | dict([HSTS]))


def test_what_the_site_does_not_have_is_guarded(site: Client) -> None:
    for path in ("/nowhere", "/static/nothing.js", "/dwell", "/page_a/%2e%2e/x"):
        reply = site.get(path)
        assert reply.status == 404
        assert_guarded(reply, SITE)


def test_a_failure_of_the_site_is_guarded_and_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("dwell.site.answer.Answer.__call__", broken)
    with a_site(tmp_path) as client:
        reply = client.get("/")
    assert reply.status == 500
    assert_guarded(reply, DATA)
    assert "secret" not in reply.text


def test_a_failure_of_the_collector_is_guarded_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("dwell.site.collector.endpoint.read", broken)
    whole = b"POST /dwell/facts HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
    with a_site(tmp_path) as client:
        short = at_once(client.port, whole + b"Content-Length: 2\r\n\r\n{}")
    with a_site(tmp_path) as client:
        long = client.ask("POST", f"{FACTS}?by=asgi", PLAIN, b"{}")
    assert (short.status, long.status) == (500, 500)
    assert_guarded(short, SHARED)
    assert_guarded(long, DATA)
    assert "secret" not in short.text + long.text


def at_once(port: int, sent: bytes) -> Reply:
    """The answer to a request that arrives whole."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        with HTTPResponse(connection) as response:
            response.begin()
            return Reply(response.status, response.headers, response.read())


@pytest.mark.parametrize("route", DASHBOARD_ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_every_answer_of_the_dashboard_is_guarded(board: Client, route: str, method: str) -> None:
    if (method, route) != ("GET", "/events"):  # which has no end while something may be published
        assert_guarded(board.ask(method, DASHBOARD_ROUTES[route]), DASHBOARD)


def test_to_https_the_dashboard_insists_on_it(tmp_path: Path) -> None:
    with a_dashboard(
        tmp_path, trusted_proxies="127.0.0.1", dashboard_user_header="X-User"
    ) as client:
        for path in ("/", "/login", "/nowhere", "/healthy", "/assets/x/static/dashboard.css"):
            assert_guarded(client.get(path, HTTPS), {**DASHBOARD, HSTS[0]: HSTS[1]})
            assert_guarded(client.get(path), DASHBOARD)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", [*FIGURES_ROUTES, "/nothing"])
def test_every_answer_to_operators_is_guarded(figures: Client, path: str, method: str) -> None:
    assert_guarded(figures.ask(method, path), DATA)


def test_too_many_operators_are_told_so_with_the_same_headers(tmp_path: Path) -> None:
    with some_figures(tmp_path) as client:
        address = ("127.0.0.1", client.port)
        waiting = [socket.create_connection(address, timeout=10) for _ in range(MOST)]
        reply = client.get("/metrics")
        for connection in waiting:
            connection.close()
    assert reply.status == 503
    assert_guarded(reply, DATA)


PARTS: dict[str, Callable[[Path], AbstractContextManager[Client]]] = {
    "site": a_site,
    "dashboard": a_dashboard,
    "figures": some_figures,
}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_no_http_is_answered_with_the_same_headers(part: str, tmp_path: Path) -> None:
    with PARTS[part](tmp_path) as client:
        reply = client.ask("BREW", "/")
    assert reply.status == 400
    assert_guarded(reply, DATA)
