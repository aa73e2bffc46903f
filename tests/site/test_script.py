"""The beacon as it is served: small, the settings in it, and cached as its name allows."""

import gzip
import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.beacon.script import Script
from tests.support.serving import Client, client_of

GZIP_BYTES = 1500
"""1.5 kB, the most that the script may weigh on the wire."""


@pytest.fixture(scope="module")
def script() -> Script:
    return Script(Settings())


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    app = Starlette()
    Dwell(Settings(), MemoryLog().writer()).mount(app)
    with client_of(app) as client:
        yield client


def test_it_weighs_no_more_than_one_and_a_half_kilobytes(client: Client) -> None:
    reply = client.get("/dwell/beacon.js", {"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.content) <= GZIP_BYTES


def test_every_encoding_gives_the_same_script(client: Client, script: Script) -> None:
    plain = client.get("/dwell/beacon.js")
    packed = client.get("/dwell/beacon.js", {"Accept-Encoding": "br, gzip;q=0.8"})
    assert plain.headers["Content-Encoding"] is None
    assert plain.content == gzip.decompress(packed.content) == script.content
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "gzip; q=0.0, br", "xgzip"])
def test_who_takes_no_gzip_gets_none(client: Client, accepted: str) -> None:
    reply = client.get("/dwell/beacon.js", {"Accept-Encoding": accepted})
    assert reply.headers["Content-Encoding"] is None
    assert reply.content.startswith(b"(()=>{")


def test_the_stable_name_is_asked_for_again_soon(client: Client) -> None:
    reply = client.get("/dwell/beacon.js")
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_the_hashed_name_is_kept_for_ever(client: Client, script: Script) -> None:
    reply = client.get(f"/dwell/{script.name}")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.content == script.content


def test_an_older_hashed_name_gives_this_script_but_is_not_kept(client: Client) -> None:
    reply = client.get("/dwell/beacon.0123456789ab.js")
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_it_gets_304(client: Client, accepted: str, form: str) -> None:
    encoding = {"Accept-Encoding": accepted}
    tag = client.get("/dwell/beacon.js", encoding).headers["ETag"]
    reply = client.get("/dwell/beacon.js", encoding | {"If-None-Match": form.format(tag)})
    assert reply.status == 304
    assert reply.content == b""
    assert reply.headers["ETag"] == tag
    assert reply.headers["Content-Length"] is None


def test_who_has_another_one_gets_this_one(client: Client) -> None:
    reply = client.get("/dwell/beacon.js", {"If-None-Match": '"0123456789ab"'})
    assert reply.status == 200


def test_head_says_what_get_would(client: Client) -> None:
    head, get = client.ask("HEAD", "/dwell/beacon.js"), client.get("/dwell/beacon.js")
    names = ["Content-Length", "Content-Type", "ETag", "Cache-Control", "Vary"]
    assert head.status == 200
    assert head.content == b""
    assert [head.headers[name] for name in names] == [get.headers[name] for name in names]


def test_other_methods_are_refused(client: Client) -> None:
    reply = client.ask("POST", "/dwell/beacon.js")
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"


def test_pages_of_other_sites_may_load_it(client: Client) -> None:
    reply = client.get("/dwell/beacon.js")
    assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_name_changes_with_the_settings_in_it(script: Script) -> None:
    assert re.fullmatch(r"beacon\.[0-9a-f]{12}\.js", script.name)
    assert Script(Settings()).name == script.name
    assert Script(Settings(session_timeout=60)).name != script.name
    assert Script(Settings(honour_opt_out=False)).name != script.name
    assert Script(Settings(port=1234)).name == script.name


def test_the_settings_are_in_it(script: Script) -> None:
    assert b"<1800" in script.content
    assert b"<60?" in Script(Settings(session_timeout=60)).content
    assert b"globalPrivacyControl" in script.content
    assert b"globalPrivacyControl" not in Script(Settings(honour_opt_out=False)).content
    assert not re.search(rb"[A-Z]+_[A-Z_]+", script.content)


def test_it_neither_writes_markup_nor_evaluates_text(script: Script) -> None:
    for word in (b"eval", b"Function(", b"innerHTML", b"document.write", b"createElement"):
        assert word not in script.content
