"""The dashboard in another application, under a path, and behind a proxy that takes a path away."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from dwell.site.dashboard.mounting import here, path_in, root_from
from tests.support.dashboards import PAGE, cookie_of, sign_in
from tests.support.publishing import publish
from tests.support.serving import Client, client_of

SESSION = "/sessions/0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02"


def mounted(settings: Settings, at: str = "/stats") -> Starlette:
    """An application with a page of its own and the dashboard below a path."""

    async def front(request: Request) -> PlainTextResponse:
        return PlainTextResponse("the shop")

    return Starlette(routes=[Route("/", front), Mount(at, create_dashboard(settings))])


@pytest.fixture
def shop(locked: Settings) -> Iterator[Client]:
    publish(locked.data, [1, 2])
    with client_of(mounted(locked, "/for/us/stats")) as client:
        yield client


def test_a_slash_too_many_leads_nowhere_else(shop: Client) -> None:
    for path in (f"{SESSION}/", "/panels/", "/login/"):
        answer = shop.get(f"/for/us/stats{path}")
        assert "shop.example" not in answer.headers.get("Location", "")
        assert answer.status in (401, 404)


def resolved(page: str, link: str) -> str:
    """Where a link of a page leads."""
    return urljoin(f"http://shop.example{page}", link).removeprefix("http://shop.example")


def test_everything_is_found_below_the_path_it_is_mounted_at(shop: Client) -> None:
    assert shop.get("/").text == "the shop"
    page = "/for/us/stats/?since=7d"
    led = shop.get(page, PAGE)
    login = resolved(page, led.headers["Location"])
    assert login == "/for/us/stats/login?next=%3Fsince%3D7d"
    action = re.findall(r'<form method="post" action="([^"]+)"', shop.get(login, PAGE).text)
    assert [resolved(login, each) for each in action] == ["/for/us/stats/login"]
    back = sign_in(shop, at="/for/us/stats/login", next="?since=7d")
    assert resolved(login, back.headers["Location"]) == page

    signed_in = PAGE | cookie_of(back)
    for each in (page, f"/for/us/stats{SESSION}"):
        reply = shop.get(each, signed_in)
        assert reply.status == 200
        links = re.findall(r'(?:href|src|action)="([^"]*)"', reply.text)
        found = [resolved(each, link) for link in links if not link.startswith("data:")]
        assert all(link.startswith("/for/us/stats/") for link in found)
        files = [link for link in found if "/assets/" in link]
        assert files
        assert all(shop.get(link).status == 200 for link in files)
    data = shop.get("/for/us/stats/panels/totals.json", signed_in)
    assert json.loads(data.text)["panel"] == "totals"


def test_the_path_without_a_slash_leads_to_the_one_with(shop: Client) -> None:
    reply = shop.get("/for/us/stats", PAGE)
    assert reply.status == 307
    assert reply.headers["Location"].endswith("/for/us/stats/")


def test_its_own_pages_come_from_its_own_origin_there_too(shop: Client) -> None:
    own = {"Host": "shop.example", "Origin": "http://shop.example"}
    assert sign_in(shop, at="/for/us/stats/login", headers=own).status == 303
    other = own | {"Origin": "http://evil.example"}
    assert sign_in(shop, at="/for/us/stats/login", headers=other).status == 403


@pytest.mark.parametrize(
    ("scope", "path", "root"),
    [
        ({"path": "/", "root_path": ""}, "/", "."),
        ({"path": "/stats/", "root_path": "/stats"}, "/", "."),
        ({"path": "/stats/login", "root_path": "/stats"}, "/login", "."),
        # As servers have it that take the mount out of the path.
        ({"path": "/login", "root_path": "/stats"}, "/login", "."),
        ({"path": f"/stats{SESSION}", "root_path": "/stats"}, SESSION, ".."),
        ({"path": "/statsman", "root_path": "/stats"}, "/statsman", "."),
        ({"path": "/panels/totals.json"}, "/panels/totals.json", ".."),
    ],
)
def test_the_root_is_found_from_every_page(scope: dict[str, str], path: str, root: str) -> None:
    assert path_in(scope) == path
    assert root_from(scope) == root
    query = {"query_string": b"since=7d"}
    assert here(scope | query) == f"{path[1:]}?since=7d"


async def test_a_mounted_dashboard_needs_no_lifespan(tmp_path: Path) -> None:
    publish(tmp_path, [1])
    with client_of(mounted(Settings(data=tmp_path))) as client:
        assert client.get("/stats/panels/totals.json").status == 200
