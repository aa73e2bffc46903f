"""Styles and scripts: under a name that changes with them, kept for good, in every coding."""

import gzip
import re
from pathlib import Path

import brotli
import pytest

from dwell.site.dashboard.assets import FOLDER, HOME, MEDIA_TYPES, Assets
from tests.support.dashboards import PAGE
from tests.support.serving import Client

FILES = [
    str(file.relative_to(HOME)) for file in sorted(FOLDER.rglob("*")) if file.suffix in MEDIA_TYPES
]


def test_every_file_is_served_under_the_name_that_pages_ask_with(unlocked: Client) -> None:
    [base] = set(re.findall(r'"\./(assets/[0-9a-f]{16})[/"]', unlocked.get("/", PAGE).text))
    for name in FILES:
        reply = unlocked.get(f"/{base}/{name}")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == MEDIA_TYPES[Path(name).suffix]
        assert reply.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert "Accept-Encoding" in reply.headers["Vary"]


def test_under_an_older_name_the_present_file_is_served_but_not_kept(unlocked: Client) -> None:
    reply = unlocked.get("/assets/0123456789abcdef/static/dashboard.css")
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path",
    [
        *("static/nothing.js", "templates/board.html", "charts/look.json"),
        *("static/../app.py", "app.py", ""),
    ],
)
def test_nothing_else_is_served(path: str, unlocked: Client) -> None:
    assert unlocked.get(f"/assets/0123456789abcdef/{path}").status == 404


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0", None), ("", None)]
)
def test_each_coding_holds_the_same(accepted: str, coding: str | None, unlocked: Client) -> None:
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    path = "/assets/0123456789abcdef/static/dashboard.css"
    plain = unlocked.get(path).content
    reply = unlocked.get(path, {"Accept-Encoding": accepted})
    assert reply.headers["Content-Encoding"] == coding
    assert decode(reply.content) == plain


def test_more_files_belong_to_the_name() -> None:
    plain = Assets()
    more = Assets({"charts.js": (b"export {};", "text/javascript; charset=utf-8")})
    assert more.digest != plain.digest
    assert more.path("charts.js") == f"assets/{more.digest}/charts.js"
    with pytest.raises(AssertionError, match=r"no charts\.js among the assets"):
        plain.path("charts.js")
