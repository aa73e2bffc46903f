"""The password: given, wrong, tried too often; the session that it begins, and its end."""

import io
import json
import time
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner

from dwell.cli import run
from dwell.errors import SettingInvalid
from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from dwell.site.dashboard.mounting import safe_next
from dwell.site.dashboard.notices import Notices
from dwell.site.dashboard.passwords import Password, hash_of
from dwell.site.dashboard.refusals import Refused
from dwell.site.dashboard.sessions import SECONDS, Sessions
from dwell.site.dashboard.tries import AT_ONCE, MOST_CLIENTS, WIDE_AT_ONCE, Tries
from tests.support.dashboards import (
    PAGE,
    PASSWORD,
    cookie_of,
    dashboard,
    hashed,
    password_file,
    sign_in,
)
from tests.support.serving import client_of

SESSION = "sessions/0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02"


def test_who_is_not_signed_in_is_led_to_the_login_and_back(locked: Settings) -> None:
    with dashboard(locked) as client:
        led = client.get("/?since=7d&view=PageA", PAGE)
        assert (led.status, led.headers["Location"]) == (
            303,
            "./login?next=%3Fsince%3D7d%26view%3DPageA",
        )
        form = client.get("/login?next=%3Fsince%3D7d%26view%3DPageA", PAGE)
        assert 'name="next" value="?since=7d&amp;view=PageA"' in form.text
        back = sign_in(client, next="?since=7d&view=PageA")
        assert (back.status, back.headers["Location"]) == (303, "./?since=7d&view=PageA")
        assert client.get("/?since=7d&view=PageA", PAGE | cookie_of(back)).status == 200


def test_programs_are_told_in_a_problem_document(locked: Settings) -> None:
    with dashboard(locked) as client:
        for path in ("/", "/panels", "/panels/totals.json", "/choices.json", "/events", "/nowhere"):
            reply = client.get(path)
            assert reply.status == 401, path
            assert json.loads(reply.text)["type"] == "urn:dwell:problem:locked"
            assert "WWW-Authenticate" in reply.headers
        assert sign_in(client, "wrong", headers={"Accept": "*/*"}).headers["Content-Type"] == (
            "application/problem+json"
        )


def test_what_everybody_may_have_is_the_login_its_looks_and_a_sign_of_life(
    locked: Settings,
) -> None:
    with dashboard(locked) as client:
        page = client.get("/login", PAGE)
        assert page.status == 200
        [style] = [each for each in page.text.split('"') if each.endswith(".css")]
        assert client.get(style.removeprefix(".")).status == 200
        assert client.get("/healthy").status == 204


def test_the_cookie_is_for_http_alone_and_for_this_site_alone(locked: Settings) -> None:
    with dashboard(locked) as client:
        name_and_value, *attributes = sign_in(client).headers["Set-Cookie"].split("; ")
    assert name_and_value.startswith("dwell_dashboard=in.")
    assert attributes == ["Max-Age=1209600", "Path=/", "HttpOnly", "SameSite=Strict"]


def test_under_https_the_cookie_travels_by_https_alone(locked: Settings) -> None:
    behind = locked.model_copy(update={"trusted_proxies": ("127.0.0.1",)})
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "stats.shop.example"}
    own = {"Origin": "https://stats.shop.example", "Sec-Fetch-Site": "same-origin"}
    with dashboard(behind) as client:
        signed_in = sign_in(client, headers=https | own)
        assert signed_in.headers["Set-Cookie"].startswith("__Host-dwell_dashboard=in.")
        assert signed_in.headers["Set-Cookie"].endswith(
            "; Path=/; HttpOnly; SameSite=Strict; Secure"
        )
        assert client.get("/", PAGE | https | cookie_of(signed_in)).status == 200
        signed_out = client.ask("POST", "/logout", https | own | cookie_of(signed_in))
        assert signed_out.headers["Set-Cookie"].endswith("; SameSite=Strict; Secure")


def test_under_https_no_cookie_counts_that_a_page_without_it_could_have_set(
    locked: Settings,
) -> None:
    behind = locked.model_copy(update={"trusted_proxies": ("127.0.0.1",)})
    with dashboard(behind) as client:
        cookie = cookie_of(sign_in(client))
        assert client.get("/", PAGE | cookie).status == 200
        assert client.get("/", PAGE | cookie | {"X-Forwarded-Proto": "https"}).status == 303


def test_a_wrong_password_begins_no_session(locked: Settings) -> None:
    with dashboard(locked) as client:
        for given in ("", "open sesam", "OPEN SESAME", "open sesame ", "x" * 5_000):
            reply = sign_in(client, given)
            assert reply.status == 401
            assert "Set-Cookie" not in reply.headers
            assert "that is not the password" in reply.text


def test_a_form_that_cannot_be_read_is_refused(locked: Settings) -> None:
    with dashboard(locked) as client:
        for body in (b"\xff", b"password=" + b"x" * 65_536, b"&".join([b"a=b"] * 9)):
            assert client.ask("POST", "/login", {}, body).status == 400


def test_too_many_tries_are_refused_even_with_the_right_password(locked: Settings) -> None:
    with dashboard(locked) as client:
        for _ in range(AT_ONCE):
            assert sign_in(client, "wrong").status == 401
        reply = sign_in(client)
        assert reply.status == 429
        assert 25 <= int(reply.headers["Retry-After"]) <= 30
        assert "too many wrong passwords came from this address" in reply.text
        assert "Set-Cookie" not in reply.headers


def test_the_operator_hears_of_wrong_passwords_now_and_then(
    locked: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with dashboard(locked) as client:
        for _ in range(AT_ONCE + 2):
            sign_in(client, "a wrong one")
    said = [record.getMessage() for record in caplog.records if "dashboard" in record.name]
    assert said == [
        "somebody did not get in: that is not the password",
        "somebody did not get in: too many tries",
    ]


def test_a_kind_of_trouble_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    notices = Notices(lambda: now)
    for now in (0.0, 59.0, 60.0, 61.0):
        notices.say("kind", f"at {now:g}")
    assert caplog.messages == ["at 0", "at 60"]


def test_another_address_may_still_try(locked: Settings) -> None:
    behind = locked.model_copy(update={"trusted_proxies": ("127.0.0.1",)})
    with dashboard(behind) as client:
        for _ in range(AT_ONCE + 1):
            refused = sign_in(client, "wrong", headers={"X-Forwarded-For": "192.0.2.1"})
        assert refused.status == 429
        assert sign_in(client, headers={"X-Forwarded-For": "192.0.2.2"}).status == 303


def test_who_has_many_addresses_has_no_more_tries_for_it() -> None:
    tries = Tries(lambda: 0.0)

    def tried(address: str) -> bool:
        try:
            tries.take(address)
        except Refused:
            return False
        return True

    tunnel = [f"2001:db8:1:{each:x}::1" for each in range(100)]
    assert sum(map(tried, tunnel)) == WIDE_AT_ONCE
    assert tried("2001:db8:2::1")
    many = [f"2001:db8:{each:x}::1" for each in range(3, MOST_CLIENTS)]
    assert sum(map(tried, many * 2)) < MOST_CLIENTS
    assert not any(map(tried, tunnel))


def test_tries_come_back_one_by_one_and_all_with_the_right_password() -> None:
    now = 0.0
    tries = Tries(lambda: now)

    def taken() -> int:
        for number in range(100):
            try:
                tries.take("192.0.2.1")
            except Refused:
                return number
        raise AssertionError

    assert taken() == AT_ONCE
    now = 29.0
    assert taken() == 0
    now = 31.0
    assert taken() == 1
    tries.give_back("192.0.2.1")
    assert taken() == AT_ONCE
    now = 10_000.0
    assert taken() == AT_ONCE


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_of_another_site_neither_signs_in_nor_out(
    headers: dict[str, str], locked: Settings
) -> None:
    with dashboard(locked) as client:
        signed_in = sign_in(client)
        for path in ("/login", "/logout"):
            reply = sign_in(client, at=path, headers=headers | cookie_of(signed_in))
            assert reply.status == 403
            assert "Set-Cookie" not in reply.headers


def test_its_own_form_does(locked: Settings) -> None:
    with client_of(create_dashboard(locked)) as client:
        host = client.get("/healthy")  # the port is the server's
        assert host.status == 204
        own = {"Host": "dwell.example:80", "Origin": "http://dwell.example"}
        assert sign_in(client, headers=own | {"Sec-Fetch-Site": "same-origin"}).status == 303


def test_signing_out_ends_the_session_in_this_browser(locked: Settings) -> None:
    with dashboard(locked) as client:
        cookie = cookie_of(sign_in(client))
        assert 'action="./logout"' in client.get("/", PAGE | cookie).text
        reply = client.ask("POST", "/logout", cookie)
    assert (reply.status, reply.headers["Location"]) == (303, "./login")
    assert reply.headers["Set-Cookie"].startswith("dwell_dashboard=; Max-Age=0; Path=/;")
    assert reply.headers["Clear-Site-Data"] == '"cache"'


def test_a_session_outlives_a_restart_but_no_change_of_the_password(
    locked: Settings, tmp_path: Path
) -> None:
    with dashboard(locked) as client:
        cookie = cookie_of(sign_in(client))
    with dashboard(locked) as client:
        assert client.get("/", PAGE | cookie).status == 200
    password_file(tmp_path, "another one")
    with dashboard(locked) as client:
        assert client.get("/", PAGE | cookie).status == 303


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-1], lambda text: text.replace("=in.", "=on.")]
)
def test_a_cookie_that_was_made_up_is_worth_nothing(spoil: object, locked: Settings) -> None:
    assert callable(spoil)
    with dashboard(locked) as client:
        cookie = cookie_of(sign_in(client))["Cookie"]
        assert client.get("/", PAGE | {"Cookie": cookie}).status == 200
        assert client.get("/", PAGE | {"Cookie": spoil(cookie)}).status == 303
        assert client.get("/", PAGE | {"Cookie": "dwell_dashboard="}).status == 303
        assert client.get("/", PAGE | {"Cookie": ";;=,; dwell_dashboard"}).status == 303


def test_a_session_ends_after_two_weeks() -> None:
    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - SECONDS - 5

    token = Sessions(b"key", Earlier).begun(secure=False).partition("=")[2].partition(";")[0]
    assert Sessions(b"key", Earlier).holds(token)
    assert not Sessions(b"key").holds(token)


@pytest.mark.parametrize(
    "after",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "?a\r\nSet-Cookie: x",
        "?#@evil.example",
        "sessions/../../elsewhere",
        f"{SESSION}/..",
        "login",
    ],
)
def test_the_login_leads_nowhere_else(after: str) -> None:
    assert safe_next(after) == ""


def test_what_a_form_says_is_looked_at_once_more(locked: Settings) -> None:
    with dashboard(locked) as client:
        assert sign_in(client, next="//evil.example").headers["Location"] == "./"
        page = client.get("/login?next=//evil.example", PAGE)
        assert 'name="next" value=""' in page.text


@pytest.mark.parametrize("after", ["", "?since=7d", SESSION, f"{SESSION}?since=7d"])
def test_the_login_leads_to_pages_of_the_dashboard(after: str) -> None:
    assert safe_next(after) == after


def test_a_link_in_a_mail_finds_the_session_that_a_strict_cookie_left_behind(
    locked: Settings,
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with dashboard(locked) as client:
        cookie = cookie_of(sign_in(client))
        passage = client.get("/?since=7d", PAGE | link)
        assert passage.status == 200
        assert '<meta http-equiv="refresh" content="0">' in passage.text
        assert passage.headers["Cache-Control"] == "no-store"
        own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
        assert client.get("/?since=7d", PAGE | own | cookie).status == 200
        assert client.get("/?since=7d", PAGE | own).headers["Location"].startswith("./login?next=")


def test_who_is_in_is_not_asked_again(locked: Settings) -> None:
    with dashboard(locked) as client:
        cookie = cookie_of(sign_in(client))
        reply = client.get("/login?next=%3Fsince%3D7d", PAGE | cookie)
    assert (reply.status, reply.headers["Location"]) == (303, "./?since=7d")


@pytest.mark.parametrize("text", ["", PASSWORD, "$argon2id$nonsense", "$2b$12$bcrypt"])
def test_a_file_without_a_hash_is_refused_and_nothing_of_it_is_told(
    text: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(text)
    with pytest.raises(SettingInvalid) as refused:
        Password.read(file)
    assert str(refused.value) == (
        f"DWELL_DASHBOARD_PASSWORD_FILE is '{file}', which holds no Argon2 hash: "
        "expected a file made by `dwell dashboard --hash-password`"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"no-such-file': expected a file made by .*No such"):
        Password.read(tmp_path / "no-such-file")


def test_the_hash_tells_the_password_and_the_key_tells_the_hash() -> None:
    made = hash_of(PASSWORD)
    one, same, other = Password(made), Password(made), Password(hashed())
    assert one.fits(PASSWORD)
    assert not one.fits(PASSWORD.upper())
    assert one.key == same.key != other.key
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_dwell_dashboard_makes_the_hash_of_what_it_is_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert run(["dashboard", "--hash-password"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert Password(printed.strip()).fits(PASSWORD)


def test_a_password_that_is_too_short_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sesame\n"))
    assert run(["dashboard", "--hash-password"]) == 2
    told = "dwell: the password has 6 characters: expected 8 to 1024\n"
    assert capsys.readouterr() == ("", told)
