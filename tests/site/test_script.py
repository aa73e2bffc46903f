"""The beacon as it is served: small, the settings in it, and cached as its name allows."""

import base64
import gzip
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from starlette.applications import Starlette

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.beacon.script import TYPES, Script
from tests.support.examples import examples
from tests.support.serving import Client, Reply, client_of

GZIP_BYTES = 1500
"""1.5 kB, the most that the script may weigh on the wire: where there is no TLS, browsers ask for no
smaller coding."""

UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}
CONTENT = ("content-type", "content-length", "content-encoding")
EVERY_CODING = pytest.mark.parametrize("coding", UNPACK)


@pytest.fixture(scope="module")
def script() -> Script:
    return Script(Settings())


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    app = Starlette()
    Dwell(Settings(), MemoryLog().writer()).mount(app)
    with client_of(app) as client:
        yield client


@pytest.fixture(params=["stable", "hashed", "of another version"])
def path(request: pytest.FixtureRequest, script: Script) -> str:
    """Each kind of name that the script has."""
    names = {"stable": "beacon.js", "hashed": script.name}
    return f"/dwell/{names.get(request.param, 'beacon.0123456789ab.js')}"


def test_it_weighs_no_more_than_one_and_a_half_kilobytes(client: Client) -> None:
    reply = client.get("/dwell/beacon.js", {"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.content) <= GZIP_BYTES


def test_every_coding_gives_the_same_script(client: Client, script: Script) -> None:
    replies = {
        coding: client.get("/dwell/beacon.js", {"Accept-Encoding": coding}) for coding in UNPACK
    }
    assert {reply.headers["Content-Encoding"] for reply in replies.values()} == {"br", "gzip", None}
    assert {UNPACK[coding](reply.content) for coding, reply in replies.items()} == {script.content}
    assert {reply.headers["Vary"] for reply in replies.values()} == {"Accept-Encoding"}
    assert len({reply.headers["ETag"] for reply in replies.values()}) == 3


def test_a_browser_gets_the_smallest_that_it_asks_for(client: Client) -> None:
    sizes = [
        len(client.get("/dwell/beacon.js", {"Accept-Encoding": accepted}).content)
        for accepted in ("gzip, deflate, br, zstd", "gzip, deflate", "zstd")
    ]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_who_says_nothing_gets_it_plain(client: Client, script: Script) -> None:
    reply = client.get("/dwell/beacon.js")
    assert reply.headers["Content-Encoding"] is None
    assert reply.content == script.content


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


@EVERY_CODING
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', 'W/"other" ,W/{}', "*"])
def test_who_has_it_gets_304(client: Client, coding: str, form: str) -> None:
    asked = {"Accept-Encoding": coding}
    tag = client.get("/dwell/beacon.js", asked).headers["ETag"]
    reply = client.get("/dwell/beacon.js", asked | {"If-None-Match": form.format(tag)})
    assert reply.status == 304
    assert reply.content == b""
    assert reply.headers["ETag"] == tag
    assert reply.headers["Content-Length"] is None


@pytest.mark.parametrize("asked", ['"{other}"', '"{tag}-zstd"', "{tag}", '"a,*,{tag}"', '" {tag}"'])
def test_a_tag_that_is_not_this_variant_s_is_another_one(client: Client, asked: str) -> None:
    tag = client.get("/dwell/beacon.js").headers["ETag"].strip('"')
    other = client.get("/dwell/beacon.js", {"Accept-Encoding": "br"}).headers["ETag"].strip('"')
    reply = client.get("/dwell/beacon.js", {"If-None-Match": asked.format(tag=tag, other=other)})
    assert reply.status == 200


@EVERY_CODING
def test_head_and_304_say_what_get_would(client: Client, path: str, coding: str) -> None:
    asked = {"Accept-Encoding": coding}
    get, head = client.get(path, asked), client.ask("HEAD", path, asked)
    unchanged = client.get(path, asked | {"If-None-Match": get.headers["ETag"]})
    assert (get.status, head.status, unchanged.status) == (200, 200, 304)
    assert head.content == unchanged.content == b""
    assert told(head) == told(get)
    assert told(unchanged) == {
        header: value for header, value in told(get).items() if header not in CONTENT
    }


def told(reply: Reply) -> dict[str, str]:
    """The headers but the date."""
    return {name.lower(): value for name, value in reply.headers.items() if name != "date"}


def test_other_methods_are_refused(client: Client) -> None:
    reply = client.ask("POST", "/dwell/beacon.js")
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"


@EVERY_CODING
def test_pages_of_other_sites_may_load_it(client: Client, path: str, coding: str) -> None:
    asked = {"Accept-Encoding": coding, "Origin": "https://elsewhere.example"}
    get = client.get(path, asked)
    for reply in (get, client.get(path, asked | {"If-None-Match": get.headers["ETag"]})):
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_its_integrity_is_that_of_its_content(script: Script) -> None:
    algorithm, _, value = script.integrity.partition("-")
    assert base64.b64decode(value) == hashlib.new(algorithm, script.content).digest()
    assert Dwell(Settings()).script_integrity == script.integrity


def test_the_docs_say_how_to_learn_both(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    [command] = [block for block in examples("embedding.md", "sh") if "integrity" in block]
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == f"/dwell/{script.name} {script.integrity}\n"


def test_its_types_are_beside_it(client: Client) -> None:
    reply = client.get("/dwell/beacon.d.ts")
    assert reply.content == TYPES.read_bytes()
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    tag = {"If-None-Match": reply.headers["ETag"]}
    assert client.get("/dwell/beacon.d.ts", tag).status == 304
    assert client.ask("HEAD", "/dwell/beacon.d.ts").content == b""
    assert client.ask("PUT", "/dwell/beacon.d.ts").headers["Allow"] == "GET, HEAD"


def test_the_name_changes_with_the_settings_in_it(script: Script) -> None:
    assert re.fullmatch(r"beacon\.[0-9a-f]{12}\.js", script.name)
    assert Script(Settings()).name == script.name
    assert Script(Settings(session_timeout=60)).name != script.name
    assert Script(Settings(honour_opt_out=False)).name != script.name
    assert Script(Settings(port=1234)).name == script.name


def test_the_settings_are_in_it(script: Script) -> None:
    assert b"max-age=1800;" in script.content
    assert b"max-age=60;" in Script(Settings(session_timeout=60)).content
    assert Script(Settings(require_consent=True)).name != script.name
    assert b"globalPrivacyControl" in script.content
    assert b"globalPrivacyControl" not in Script(Settings(honour_opt_out=False)).content
    assert not re.search(rb"[A-Z]+_[A-Z_]+", script.content)


def test_it_neither_writes_markup_nor_evaluates_text(script: Script) -> None:
    for word in (b"eval", b"Function(", b"innerHTML", b"document.write", b"createElement"):
        assert word not in script.content
