"""Who is let in, and who is not."""

import json
import os
from pathlib import Path

import pytest

from dwell.errors import SettingInvalid
from dwell.priority import LAST
from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from dwell.site.dashboard.server import require_protection
from tests.support.dashboards import PAGE, dashboard, password_file
from tests.support.running import Process, environment, free_port, running, wait_until
from tests.support.serving import Client

CLOSED = ("/", "/panels", "/panels/totals.json", "/panels/totals.csv", "/choices.json", "/events")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8001", "[::1]", "LOCALHOST:99"])
def test_on_this_machine_everybody_may_look_without_a_password(host: str, unlocked: Client) -> None:
    assert unlocked.get("/", {"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8001", "10.0.0.1", ""])
def test_a_name_that_was_led_here_is_not_answered(host: str, unlocked: Client) -> None:
    reply = unlocked.get("/panels", {"Host": host})
    assert reply.status == 421
    assert "expected 127.0.0.1 or [::1] or localhost" in reply.text


@pytest.mark.parametrize(
    "header",
    [
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server"),
        *("Forwarded", "Via", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"),
    ],
)
def test_without_a_password_nobody_is_let_in_through_a_proxy(header: str, unlocked: Client) -> None:
    reply = unlocked.get("/panels", {header: "127.0.0.1"})
    assert reply.status == 403
    assert "expected a password in DWELL_DASHBOARD_PASSWORD_FILE" in reply.text


@pytest.mark.parametrize(
    ("mode", "method", "status"),
    [
        ("navigate", "GET", 200),
        ("no-cors", "GET", 403),
        ("cors", "GET", 403),
        ("websocket", "GET", 403),
        ("navigate", "POST", 403),
    ],
)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_link_here_and_nothing_else(
    site: str, mode: str, method: str, status: int, unlocked: Client
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    assert unlocked.ask(method, "/", headers).status == status


def test_an_application_around_it_may_ask_who_is_there_itself(tmp_path: Path) -> None:
    headers = {"Host": "shop.example", "X-Forwarded-For": "192.0.2.1"}
    with dashboard(Settings(data=tmp_path), guarded=False) as client:
        assert client.get("/", headers).status == 200


def behind_a_proxy(data: Path, proxy: str = "127.0.0.1", password: Path | None = None) -> Settings:
    """The settings of a dashboard that a proxy tells of users."""
    return Settings(
        data=data,
        dashboard_user_header="X-Forwarded-User",
        dashboard_password_file=password,
        trusted_proxies=(proxy,),
    )


def test_a_trusted_proxy_is_believed_who_asks(tmp_path: Path) -> None:
    headers = {"Host": "stats.shop.example", "X-Forwarded-User": "ada@shop.example"}
    with dashboard(behind_a_proxy(tmp_path)) as client:
        reply = client.get("/", headers | PAGE)
        utf8 = {"X-Forwarded-User": "Zoë".encode().decode("latin-1")}
        assert '<span class="span">Zoë</span>' in client.get("/", utf8 | PAGE).text
    assert reply.status == 200
    assert "ada@shop.example" in reply.text
    assert "logout" not in reply.text


@pytest.mark.parametrize(
    ("proxy", "headers"),
    [
        ("127.0.0.1", {}),
        ("127.0.0.1", {"X-Forwarded-User": " "}),
        ("10.0.0.0/8", {"X-Forwarded-User": "ada"}),
        # What the proxy says of the client's address makes nobody a proxy.
        ("10.0.0.0/8", {"X-Forwarded-User": "ada", "X-Forwarded-For": "10.0.0.1"}),
    ],
)
def test_nobody_else_is(proxy: str, headers: dict[str, str], tmp_path: Path) -> None:
    with dashboard(behind_a_proxy(tmp_path, proxy)) as client:
        for path in CLOSED:
            reply = client.get(path, headers)
            assert reply.status == 401, path
            assert reply.headers["Content-Type"] == "application/problem+json"
        assert client.get("/", headers | PAGE).status == 401
        assert client.get("/login", headers | PAGE).status == 303
        assert client.get("/healthy", headers).status == 204


def test_a_server_that_believes_proxies_itself_makes_no_client_a_proxy(tmp_path: Path) -> None:
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-For": "10.0.0.1"}
    with dashboard(behind_a_proxy(tmp_path, "10.0.0.0/8"), proxy_headers=True) as client:
        assert client.get("/", headers).status == 401


def test_who_comes_past_the_proxy_may_have_a_password(tmp_path: Path) -> None:
    settings = behind_a_proxy(tmp_path, password=password_file(tmp_path))
    with dashboard(settings) as client:
        assert client.get("/", PAGE | {"X-Forwarded-User": "ada"}).status == 200
        assert client.get("/", PAGE).headers["Location"] == "./login"


def test_a_header_that_nobody_is_trusted_to_send_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, dashboard_user_header="X-Forwarded-User")
    with pytest.raises(SettingInvalid) as refused:
        create_dashboard(settings)
    assert str(refused.value) == (
        "DWELL_DASHBOARD_USER_HEADER is 'X-Forwarded-User', and no proxy is trusted to send it: "
        "expected the proxy's address in DWELL_TRUSTED_PROXIES"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no-such-name.invalid"])
def test_an_address_that_others_reach_is_refused_without_protection(host: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        require_protection(Settings(dashboard_host=host))
    assert str(refused.value).startswith(
        f"DWELL_DASHBOARD_HOST is '{host}', where other machines reach it, and nobody is asked who "
        "they are: expected a loopback address such as 127.0.0.1, or a password"
    )
    require_protection(Settings(dashboard_host=host, dashboard_password_file=Path("file")))
    require_protection(Settings(dashboard_host=host, dashboard_user_header="X-User"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_a_loopback_address_is_not(host: str) -> None:
    require_protection(Settings(dashboard_host=host))


def test_dwell_dashboard_does_not_start_unprotected(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port(), dashboard_host="0.0.0.0")
    process = Process("dashboard", environ=environ, output=tmp_path / "out")
    wait_until(lambda: not process.alive)
    assert process.wait() == 2
    assert process.printed().startswith("dwell: DWELL_DASHBOARD_HOST is '0.0.0.0'")
    assert process.printed().count("\n") == 1


def test_dwell_dashboard_starts_with_a_password_and_ends_when_told(tmp_path: Path) -> None:
    environ = environment(
        tmp_path / "data",
        free_port(),
        dashboard_host="0.0.0.0",
        dashboard_password_file=password_file(tmp_path),
    )
    address = f"http://127.0.0.1:{environ['DWELL_DASHBOARD_PORT']}"
    with running("dashboard", environ=environ, output=tmp_path / "out", url=address) as process:
        assert process.printed().startswith("the dashboard is at http://0.0.0.0:")
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= LAST
        assert process.stop() == 0
    assert process.printed().count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_what_is_refused_is_told_as_a_problem_or_as_a_page(tmp_path: Path) -> None:
    with dashboard(behind_a_proxy(tmp_path)) as client:
        told = json.loads(client.get("/").text)
        assert told == {
            "type": "urn:dwell:problem:locked",
            "title": "Not signed in",
            "status": 401,
            "detail": "the proxy did not say who asks, or is not trusted to say it",
        }
        assert f"<h1>{told['title']}</h1>" in client.get("/", PAGE).text
