"""The pages over HTTP: what they say, where they lead, and how they may be kept."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module

import pytest

from dwell.settings import Settings
from dwell.site.app import create_app
from dwell.site.pages import PAGES, Page
from tests.support.serving import Client, client_of

TITLES = {
    "/": "Dwell",
    "/page_a": "Page A",
    "/page_b": "Page B",
    "/page_c/tab_1": "Page C, Tab 1",
    "/page_c/tab_2": "Page C, Tab 2",
}
VIEWS = {
    "/": "dwell.site.pages.front.Front",
    "/page_a": "dwell.site.pages.page_a.PageA",
    "/page_b": "dwell.site.pages.page_b.PageB",
    "/page_c/tab_1": "dwell.site.pages.page_c.tab_1.Tab1",
    "/page_c/tab_2": "dwell.site.pages.page_c.tab_2.Tab2",
}
LINKS = {
    "/": {"/page_a": "Page A", "/page_b": "Page B", "/page_c": "Page C"},
    "/page_a": {"/page_b": "Page B", "/page_c/tab_1": "Page C, Tab 1"},
    "/page_b": {"/page_a": "Page A", "/page_c/tab_2": "Page C, Tab 2"},
    "/page_c/tab_1": {"/page_c/tab_1": "Tab 1", "/page_c/tab_2": "Tab 2", "/page_b": "Page B"},
    "/page_c/tab_2": {"/page_c/tab_1": "Tab 1", "/page_c/tab_2": "Tab 2", "/page_a": "Page A"},
}


class Document(HTMLParser):
    """What these tests want to know of a page; what stands in a hidden section is left out.

    Attributes:
        links: of `<main>`, path to text.
        files: the scripts, styles and pictures it names.
        inline: styles and scripts that the content security policy would refuse.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root: dict[str, str | None] = {}
        self.title = ""
        self.links: dict[str, str] = {}
        self.files: list[str] = []
        self.inline: list[str] = []
        self._open: list[str] = []
        self._hidden = False
        self._link = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._open.append(tag)
        if tag == "html":
            self.root = named
        if tag == "section":
            self._hidden = "hidden" in named
        if tag == "a" and "main" in self._open and not self._hidden:
            self._link = named["href"] or ""
        if tag == "link" or "src" in named:
            self.files.append(named.get("src") or named.get("href") or "")
        if tag == "style" or (tag == "script" and "src" not in named):
            self.inline.append(tag)
        self.inline += [name for name in named if name == "style" or name.startswith("on")]
        if tag in ("meta", "link", "img"):
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "section":
            self._hidden = False
        if tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["title"]:
            self.title += data
        if self._link:
            self.links[self._link] = self.links.get(self._link, "") + data


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    """The site without Dwell."""
    with client_of(create_app(Settings(), tracked=False)) as client:
        yield client


@pytest.fixture(scope="module")
def tracked() -> Iterator[Client]:
    """The site with Dwell."""
    with client_of(create_app(Settings())) as client:
        yield client


def test_every_page_has_its_title(site: Client) -> None:
    assert {path: Document(site.get(path).text).title for path in TITLES} == TITLES


def test_every_page_links_where_it_should_and_nowhere_else(site: Client) -> None:
    assert {path: Document(site.get(path).text).links for path in LINKS} == LINKS


def test_every_link_leads_somewhere(site: Client) -> None:
    for links in LINKS.values():
        for path in links:
            assert site.get(path).status in (200, 307)


def test_every_page_names_its_view(site: Client) -> None:
    roots = {path: Document(site.get(path).text).root for path in VIEWS}
    assert {path: root["data-dwell-view"] for path, root in roots.items()} == VIEWS


def test_every_view_name_is_that_of_a_class(site: Client) -> None:
    for path, view in VIEWS.items():
        module, _, name = view.rpartition(".")
        component = getattr(import_module(module), name)
        assert issubclass(component, Page)
        assert component.path == path


def test_the_tabs_say_which_they_are(site: Client) -> None:
    identities = [
        json.loads(Document(site.get(f"/page_c/tab_{tab}").text).root["data-dwell-identity"] or "")
        for tab in (1, 2)
    ]
    assert identities == [{"tab": "1"}, {"tab": "2"}]


def test_every_page_has_a_class_and_a_template_of_its_own() -> None:
    assert len({type(page) for page in PAGES}) == len({page.template for page in PAGES}) == 5


def test_the_script_is_on_every_page_but_only_where_dwell_is_mounted(
    site: Client, tracked: Client
) -> None:
    for path in TITLES:
        assert "/dwell/beacon." in tracked.get(path).text
        assert "/dwell/beacon." not in site.get(path).text


def test_the_note_says_what_is_measured(site: Client, tracked: Client) -> None:
    assert "This page measures nothing." in site.get("/").text
    assert "Do Not Track are left alone" in tracked.get("/").text
    with client_of(create_app(Settings(honour_opt_out=False))) as everybody:
        assert "Do Not Track" not in everybody.get("/").text
    with client_of(create_app(Settings(require_consent=True))) as reserved:
        assert "measures nothing without consent" in reserved.get("/").text


def test_pages_set_no_cookie_and_are_asked_for_again(tracked: Client) -> None:
    for path in TITLES:
        answer = tracked.get(path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert "set-cookie" not in answer.headers
        assert "vary" not in answer.headers


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_a_page_that_is_known_is_not_sent_again(site: Client, known: str) -> None:
    tag = site.get("/page_a").headers["etag"]
    answer = site.get("/page_a", headers={"if-none-match": known.format(tag)})
    assert (answer.status, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert answer.headers["cache-control"] == "no-cache"


def test_another_content_is_sent(site: Client) -> None:
    answer = site.get("/page_b", headers={"if-none-match": site.get("/page_a").headers["etag"]})
    assert answer.status == 200


def test_pages_are_the_same_from_one_start_to_the_next(site: Client) -> None:
    with client_of(create_app(Settings(), tracked=False)) as again:
        for path in TITLES:
            assert again.get(path).content == site.get(path).content


def test_head_is_get_without_the_body(site: Client) -> None:
    for path in (*TITLES, "/nowhere"):
        got, head = site.get(path), site.ask("HEAD", path)
        assert head.content == b""
        assert head.status == got.status
        assert (
            head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
        )
        assert head.headers["etag"] == got.headers["etag"]


def test_other_methods_are_refused(site: Client) -> None:
    answer = site.ask("POST", "/page_a")
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_page_c_leads_to_either_tab_at_random(site: Client) -> None:
    answers = [site.get("/page_c") for _ in range(64)]
    assert {answer.status for answer in answers} == {307}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert {answer.headers["location"] for answer in answers} == {"/page_c/tab_1", "/page_c/tab_2"}
    assert {answer.content for answer in answers} == {b""}


def test_tab_b_leads_to_tab_2_for_good(site: Client) -> None:
    answer = site.get("/page_c/tab_b")
    assert (answer.status, answer.headers["location"]) == (308, "/page_c/tab_2")
    assert answer.headers["cache-control"] == "max-age=86400"


def test_a_redirect_keeps_the_query(site: Client) -> None:
    answer = site.get("/page_c/tab_b?from=note")
    assert answer.headers["location"] == "/page_c/tab_2?from=note"


@pytest.mark.parametrize(
    "path", ["/page_a", "/page_b", "/page_c", "/page_c/tab_1", "/page_c/tab_b"]
)
def test_a_slash_too_many_is_taken_away(site: Client, path: str) -> None:
    answer = site.get(f"{path}/")
    assert (answer.status, answer.headers["location"]) == (308, path)


@pytest.mark.parametrize("path", ["/nowhere", "/page_c/tab_3", "/page_a/b", "/static/site.css"])
def test_a_path_without_a_page_says_so(tracked: Client, path: str) -> None:
    answer = tracked.get(path)
    assert answer.status == 404
    document = Document(answer.text)
    assert document.title == "Page not found"
    assert document.links == {"/": "Front page"}
    assert "data-dwell-view" not in document.root
    assert "/dwell/" not in answer.text


def test_pages_need_nothing_inline_and_nothing_from_elsewhere(tracked: Client) -> None:
    for path in (*TITLES, "/nowhere"):
        document = Document(tracked.get(path).text)
        assert document.inline == []
        assert all(file.startswith("/") for file in document.files)


def test_pages_carry_the_headers_that_guard_a_visitor(site: Client) -> None:
    for path in (*TITLES, "/nowhere"):
        headers = site.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]


def test_static_files_are_named_by_their_content_and_kept_for_good(site: Client) -> None:
    files = {file for path in TITLES for file in Document(site.get(path).text).files}
    assert len(files) == 3
    for file in files:
        answer = site.get(file)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_static_files_are_small(site: Client) -> None:
    files = {file for path in TITLES for file in Document(site.get(path).text).files}
    assert sum(len(site.get(file).content) for file in files) < 10_000
