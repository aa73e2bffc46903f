"""Which origins may send facts, and what their scripts may read of the answer."""

from collections.abc import Iterator

import pytest

from tests.site.collector.ending import end_visitor
from tests.support.collecting import Answer, Site, collecting, fact

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def _shared() -> Iterator[Site]:
    with collecting(allowed_origins=f"{SHOP}, http://other.example:8080", rate_limit=0) as served:
        yield served


@pytest.fixture
def shared(_shared: Site) -> Site:
    """A site that allows two other origins."""
    _shared.forget()
    return _shared


def readable(answer: Answer, origin: str = SHOP) -> bool:
    """Whether a script of that origin may read the answer, with credentials sent."""
    headers = answer.headers
    return (
        headers.get("access-control-allow-origin") == origin
        and headers.get("access-control-allow-credentials") == "true"
        and headers.get("access-control-expose-headers") == "Retry-After"
        and headers.get("vary") == "Origin"
    )


@pytest.mark.parametrize("site_said", [None, "same-origin", "none"])
def test_the_sites_own_pages_may_send(site: Site, site_said: str | None) -> None:
    headers = {"Origin": site.origin} | ({"Sec-Fetch-Site": site_said} if site_said else {})

    answer = site.post(fact(), headers=headers)

    assert answer.status == 204
    assert "access-control-allow-origin" not in answer.headers


def test_the_sites_own_pages_may_keep_their_origin_to_themselves(site: Site) -> None:
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert site.post(fact(), headers=headers).status == 204


def test_a_client_that_is_no_browser_may_send(site: Site) -> None:
    assert site.post(fact()).status == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": ""},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "http://127.0.0.1:{port}.evil.example"},
        {"Origin": "http://127.0.0.1:{port}, https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_origins_are_answered_403(site: Site, headers: dict[str, str]) -> None:
    sent = {name: value.replace("{port}", str(site.port)) for name, value in headers.items()}

    answer = site.post(fact(), headers=sent)

    assert answer.status == 403
    assert "DWELL_ALLOWED_ORIGINS" in answer.problem["detail"]
    assert "access-control-allow-origin" not in answer.headers
    assert site.kept == []


@pytest.mark.parametrize("said", ["cross-site", "same-site"])
def test_an_allowed_origin_may_send_and_read_the_answer(shared: Site, said: str) -> None:
    answer = shared.post(fact(), origin=SHOP, sec_fetch_site=said)

    assert answer.status == 204
    assert readable(answer)
    assert len(shared.kept) == 1


def test_each_allowed_origin_is_named_alone(shared: Site) -> None:
    assert readable(
        shared.post(fact(), origin="http://other.example:8080"), "http://other.example:8080"
    )


def test_where_some_are_allowed_the_others_are_refused(shared: Site) -> None:
    answer = shared.post(fact(), origin="https://shop.example.evil.example")

    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_an_allowed_origin_can_read_every_error(shared: Site) -> None:
    headers = {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}

    answers = [
        shared.post(body=b"{", headers=headers),
        shared.post(fact(), fact(view=""), headers=headers),
        shared.post(fact(), headers=headers, content_type="image/png"),
        shared.post(body=b" " * 70_000, headers=headers),
        shared.post(fact(), headers=headers, sec_gpc="1"),
        shared.ask("GET", "/dwell/facts", headers=headers),
        shared.ask("GET", "/dwell/nothing", headers=headers),
        end_visitor(shared, headers)[0],
    ]
    shared.log.fail("a broken disk")
    answers.append(shared.post(fact(), headers=headers))
    shared.log.resume()

    assert [answer.status for answer in answers] == [400, 400, 415, 413, 204, 405, 404, 204, 503]
    assert all(readable(answer) for answer in answers)


@pytest.mark.parametrize(
    ("path", "method"), [("/dwell/facts", "POST"), ("/dwell/visitor", "DELETE")]
)
def test_a_preflight_of_an_allowed_origin_is_granted(shared: Site, path: str, method: str) -> None:
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }

    answer = shared.ask("OPTIONS", path, headers=asked)

    assert answer.status == 204
    assert readable(answer)
    assert answer.headers["access-control-allow-methods"] == method
    assert answer.headers["access-control-allow-headers"].lower() == "content-type"


def test_a_preflight_of_another_origin_is_refused(shared: Site) -> None:
    answer = shared.ask("OPTIONS", "/dwell/facts", headers={"Origin": "https://evil.example"})

    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_options_names_the_methods(site: Site) -> None:
    answer = site.ask("OPTIONS", "/dwell/facts")

    assert (answer.status, answer.headers["allow"]) == (204, "POST, OPTIONS")


def test_behind_a_trusted_proxy_the_own_origin_is_the_forwarded_one() -> None:
    with collecting(trusted_proxies="127.0.0.1") as site:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example"}
        seen = {"Origin": "https://www.example", "Sec-Fetch-Site": "same-origin"}

        assert site.post(fact(), headers=forwarded | seen).status == 204
        assert site.post(fact(), headers=forwarded | {"Origin": site.origin}).status == 403
        with_port = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example:443"}
        assert site.post(fact(), headers=with_port | seen).status == 204


def test_what_an_unknown_peer_forwards_is_not_believed() -> None:
    with collecting(trusted_proxies="192.0.2.1") as site:
        forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

        answer = site.post(fact(), headers=forged | {"Origin": "https://evil.example"})
        own = site.post(fact(), headers=forged | {"Origin": site.origin})

    assert answer.status == 403
    assert own.status == 204
    assert "Secure" not in own.headers["set-cookie"]
