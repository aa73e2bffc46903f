"""Dwell as a middleware: what it serves, what it leaves alone, and the tags it gives to pages."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial, wraps
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell, DwellMiddleware, tags_of
from dwell.site.tags import Tags, view_of
from tests.support.collecting import fact, served
from tests.support.serving import Client, Reply, client_of

POSTED = {"Content-Type": "text/plain"}


class Attributes(HTMLParser):
    """The attributes of `<html>`, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.found = dict(attrs)


class Basket(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return page(request, number=7, text="<\"'&ü")


def page(request: Request, **identity: Any) -> Response:
    tags = tags_of(request)
    return HTMLResponse(f"<html {tags.attributes(**identity)}><title>a</title>{tags.script}")


async def home(request: Request) -> Response:
    return page(request)


def around(*routes: Route | Mount, log: MemoryLog, **settings: Any) -> Starlette:
    """An application with Dwell around it."""
    dwell = Dwell(Settings(**settings), log.writer())
    return Starlette(routes=list(routes), middleware=[Middleware(DwellMiddleware, dwell=dwell)])


def post(client: Client, path: str) -> Reply:
    body = json.dumps({"facts": [fact()]}).encode()
    return client.ask("POST", path, POSTED, body)


def test_one_line_serves_beacon_and_collector_beside_the_pages() -> None:
    log = MemoryLog()
    app = FastAPI()
    app.add_middleware(DwellMiddleware, dwell=Dwell(Settings(), log.writer()))
    app.add_api_route("/", home)
    with served(app) as port:
        client = Client(f"http://127.0.0.1:{port}")
        said = client.get("/").text
        script = said.partition('src="')[2].partition('"')[0]
        assert Attributes(said).found == {"data-dwell-view": f"{__name__}.home"}
        assert "fetch" in client.get(script).text
        assert post(client, "/dwell/facts").status == 204
        assert client.get("/dwell/nothing").status == 404
        assert client.get("/dwellings").status == 404
        client.close()

    assert len(log.records()) == 1


def test_the_view_is_the_route_s_and_the_identity_is_as_it_was_given() -> None:
    with served(around(Route("/", home), Route("/basket", Basket), log=MemoryLog())) as port:
        client = Client(f"http://127.0.0.1:{port}")
        attributes = [Attributes(client.get(path).text).found for path in ("/", "/basket")]
        client.close()

    assert attributes[0] == {"data-dwell-view": f"{__name__}.home"}
    assert attributes[1]["data-dwell-view"] == f"{__name__}.Basket"
    identity = json.loads(attributes[1]["data-dwell-identity"] or "")
    assert identity == {"number": 7, "text": "<\"'&ü"}


def test_where_no_route_is_known_no_view_is_named() -> None:
    tags = Tags({"type": "http"}, "", Dwell(Settings(), MemoryLog().writer()))
    assert tags.attributes() == ""
    assert tags.attributes(product=17) == 'data-dwell-identity="{&#34;product&#34;:17}"'
    assert tags.attributes("shop.Basket") == 'data-dwell-view="shop.Basket"'


def test_a_root_that_the_prefix_begins_with_is_no_part_of_it() -> None:
    log = MemoryLog()
    app = DwellMiddleware(around(log=log), dwell=Dwell(Settings(prefix="/dwell"), log.writer()))

    async def below_d(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": "/d"} if scope["type"] == "http" else scope, receive, send)

    with served(below_d) as port:
        client = Client(f"http://127.0.0.1:{port}")
        assert post(client, "/dwell/facts").status == 204
        client.close()


def test_below_another_mount_the_script_is_found_all_the_same() -> None:
    log = MemoryLog()
    inner = around(Route("/", home), log=log)
    with served(Starlette(routes=[Mount("/shop", app=inner)])) as port:
        client = Client(f"http://127.0.0.1:{port}")
        script = client.get("/shop/").text.partition('src="')[2].partition('"')[0]
        assert script.startswith("/shop/dwell/beacon.")
        assert client.get(script).status == 200
        assert post(client, "/shop/dwell/facts").status == 204
        client.close()

    assert len(log.records()) == 1


async def test_a_page_goes_through_piece_by_piece_as_it_is_made() -> None:
    made: list[str] = []
    seen: list[tuple[bytes, int]] = []

    async def pieces() -> AsyncIterator[str]:
        for piece in ("<html>", "<title>a</title>"):
            made.append(piece)
            yield piece

    async def slow(request: Request) -> Response:
        return StreamingResponse(pieces(), media_type="text/html")

    async def send(message: Message) -> None:
        if message.get("body"):
            seen.append((message["body"], len(made)))

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    app = around(Route("/", slow), log=MemoryLog())
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "query_string": b"",
    }
    await app(scope | {"http_version": "1.1", "asgi": {"spec_version": "2.4"}}, receive, send)

    assert seen == [(b"<html>", 1), (b"<title>a</title>", 2)]


def test_the_lifespan_is_the_application_s_and_the_log_ends_with_it() -> None:
    lived: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        lived.append("began")
        yield
        lived.append("ended")

    log = MemoryLog()
    dwell = Dwell(Settings(), log.writer())
    app = Starlette(lifespan=lifespan, middleware=[Middleware(DwellMiddleware, dwell=dwell)])
    with served(app) as port:
        client = Client(f"http://127.0.0.1:{port}")
        assert post(client, "/dwell/facts").status == 204
        client.close()

    assert lived == ["began", "ended"]
    assert dwell._log is None


def test_a_tag_of_one_s_own_has_address_and_integrity() -> None:
    dwell = Dwell(Settings(), MemoryLog().writer())
    tags = Tags({}, "/below", dwell)
    assert tags.script_url == f"/below{dwell.script_url}"
    assert f'"{tags.script_url}"' in tags.script
    assert tags.script_integrity == dwell.script_integrity


def test_a_copy_of_the_scope_has_the_view_of_its_own_route() -> None:
    class Copying:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self._app({**scope}, receive, send)

    dwell = Dwell(Settings(), MemoryLog().writer())
    inside = [Middleware(DwellMiddleware, dwell=dwell), Middleware(Copying)]
    app = Starlette(routes=[Route("/", home)], middleware=inside)
    with client_of(app) as client:
        said = client.get("/").text
    assert Attributes(said).found["data-dwell-view"] == view_of(home)


def test_a_page_without_the_middleware_is_told_so() -> None:
    request = Request({"type": "http", "headers": []})
    with pytest.raises(LookupError, match="add_middleware"):
        tags_of(request)


def test_a_view_is_named_whatever_is_wrapped_around_it() -> None:
    @wraps(home)
    async def wrapped(request: Request) -> Response:
        return await home(request)

    async def local(request: Request) -> Response:
        return await home(request)

    here = f"{__name__}.test_a_view_is_named_whatever_is_wrapped_around_it"
    assert view_of(wrapped) == view_of(partial(partial(home), 1)) == f"{__name__}.home"
    assert view_of(local) == f"{here}.local"
    assert view_of(Basket) == f"{__name__}.Basket"
    assert view_of(Attributes("")) == f"{__name__}.Attributes"
    assert view_of(Attributes("").feed) == "html.parser.HTMLParser.feed"
