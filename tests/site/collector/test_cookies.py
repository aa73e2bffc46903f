"""The visitor cookie: who the visitor is, and when the cookie is set, renewed and ended."""

from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest

from tests.site.collector.ending import end_visitor
from tests.support.collecting import SESSION, VISITOR, Site, collecting, distinct, fact

PLAIN = "Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax"
HTTPS = {"X-Forwarded-Proto": "https"}
SESSION_ENDED = "dwell_session=; Max-Age=0; Path=/; SameSite=Lax"


@pytest.fixture(scope="module")
def proxied() -> Iterator[Site]:
    """A site behind a proxy that it trusts."""
    with collecting(trusted_proxies="127.0.0.1") as served:
        yield served


def test_a_new_visitor_is_the_session_of_their_first_fact(site: Site) -> None:
    answer = site.post(fact(), distinct(1))

    assert answer.headers["set-cookie"] == f"dwell_visitor={SESSION}; {PLAIN}"
    assert {event["data"]["visitor_id"] for event in site.events} == {SESSION}


def test_the_first_accepted_fact_counts_not_the_first_one(site: Site) -> None:
    later = distinct(1)
    site.post(fact(view=""), later)

    assert site.events[0]["data"]["visitor_id"] == later["session_id"]


def test_the_cookie_tells_the_visitor_and_is_renewed(site: Site) -> None:
    answer = site.post(fact(), cookie=f"a=b; dwell_visitor={VISITOR}; c=d")

    assert answer.headers["set-cookie"] == f"dwell_visitor={VISITOR}; {PLAIN}"
    assert site.events[0]["data"]["visitor_id"] == VISITOR


def test_a_400_that_kept_a_fact_renews_the_cookie(site: Site) -> None:
    answer = site.post(fact(), fact(view=""), cookie=f"dwell_visitor={VISITOR}")

    assert answer.status == 400
    assert answer.headers["set-cookie"] == f"dwell_visitor={VISITOR}; {PLAIN}"


def test_an_upper_case_visitor_is_stored_lower(site: Site) -> None:
    answer = site.post(fact(), cookie=f"dwell_visitor={VISITOR.upper()}")

    assert f"={VISITOR};" in answer.headers["set-cookie"]
    assert site.kept[0].key == VISITOR.encode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00000000-0000-0000-0000-000000000000",
        VISITOR.replace("-", ""),
        f"{{{VISITOR}}}",
        f"{VISITOR}0",
        f"0{VISITOR}",
        f"urn:uuid:{VISITOR}",
        "'; drop table pageview; --",
        "\xe9\xff",
    ],
)
def test_a_cookie_that_is_no_uuid_of_the_usual_form_is_a_new_visitor(
    site: Site, value: str
) -> None:
    answer = site.post(fact(), cookie=f"dwell_visitor={value}; x=y")

    assert f"={SESSION};" in answer.headers["set-cookie"]


def test_any_version_of_uuid_is_a_visitor(site: Site) -> None:
    other = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

    assert f"={other};" in site.post(fact(), cookie=f"dwell_visitor={other}").headers["set-cookie"]


def test_a_cookie_whose_name_ends_alike_is_another(site: Site) -> None:
    answer = site.post(fact(), cookie=f"not_dwell_visitor={VISITOR}")

    assert f"={SESSION};" in answer.headers["set-cookie"]


def test_of_several_cookies_the_first_usable_one_counts(site: Site) -> None:
    cookies = [("Cookie", "dwell_visitor=broken"), ("Cookie", f"x=1; dwell_visitor={VISITOR}")]
    body = b'{"facts": [%s]}' % str(fact()).replace("'", '"').replace("None", "null").encode()

    answer = site.ask("POST", "/dwell/facts", body, [("Content-Type", "text/plain"), *cookies])

    assert f"={VISITOR};" in answer.headers["set-cookie"]


def test_under_https_the_cookie_is_secure(proxied: Site) -> None:
    answer = proxied.post(fact(), headers=HTTPS)

    assert answer.headers["set-cookie"] == f"dwell_visitor={SESSION}; {PLAIN}; Secure"


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_the_visitor_ends_the_cookie(site: Site, proxied: Site, method: str) -> None:
    answer, cookies = end_visitor(site, method=method)

    ended = "dwell_visitor=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    assert (answer.status, answer.body) == (204, b"")
    assert cookies == [ended, SESSION_ENDED]
    _, cookies = end_visitor(proxied, HTTPS, method)
    assert cookies == [f"{ended}; Secure", SESSION_ENDED]


class Browser:
    """The cookies of a browser, and as much of the beacon as begins sessions."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.jar: dict[str, str] = {}

    def view(self, number: int) -> None:
        """A page that is opened: a fact of a new pageview, in the session that the jar knows."""
        facts = distinct(number)
        facts["session_id"] = self.jar.get("dwell_session", facts["pageview_id"])
        self.jar["dwell_session"] = facts["session_id"]
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        self.take([self.site.post(facts, cookie=cookies).headers["set-cookie"]])

    def end_visitor(self) -> None:
        """The visitor asks to be ended."""
        self.take(end_visitor(self.site)[1])

    def take(self, cookies: list[str]) -> None:
        """Keep what an answer sets, drop what it ends."""
        for cookie in cookies:
            for name, morsel in SimpleCookie(cookie).items():
                self.jar.pop(name, None)
                if morsel["max-age"] != "0":
                    self.jar[name] = morsel.value


def test_a_visitor_who_was_ended_does_not_come_back(site: Site) -> None:
    browser = Browser(site)
    browser.view(1)
    browser.view(2)
    browser.end_visitor()
    assert browser.jar == {}
    browser.view(3)

    visitors = [event["data"]["visitor_id"] for event in site.events]
    assert visitors[0] == visitors[1] != visitors[2]
    assert visitors[0] not in str(browser.jar)
    assert visitors[0] not in str(site.events[2])


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_another_origin_cannot_end_the_visitor(site: Site, method: str) -> None:
    answer = site.ask(method, "/dwell/visitor", headers={"Origin": "https://evil.example"})

    assert answer.status == 403
    assert "set-cookie" not in answer.headers


def test_for_pages_of_other_sites_the_cookie_is_partitioned() -> None:
    cross_site = "Path=/; HttpOnly; SameSite=None; Secure; Partitioned"
    with collecting(cookie_samesite="none") as site:
        answer = site.post(fact())
        _, ended = end_visitor(site)

    assert (
        answer.headers["set-cookie"] == f"dwell_visitor={SESSION}; Max-Age=34560000; {cross_site}"
    )
    assert ended == [f"dwell_visitor=; Max-Age=0; {cross_site}", SESSION_ENDED]
