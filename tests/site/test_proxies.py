"""The proxies of docs/examples, in front of a site and a dashboard: nginx as it runs, Caddy as it reads."""

import json
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dwell.site.dashboard.passwords import hash_of
from tests.support.certificates import certified
from tests.support.collecting import fact
from tests.support.nginx import EXAMPLES, nginx, replaced
from tests.support.running import Process, environment, free_port

NAME = "shop.example"
PASSWORD = "a long enough password"
AGENT = {"User-Agent": "Mozilla/5.0 Firefox/140.0"}


@dataclass
class Proxied:
    """Site and dashboard, behind nginx that ends https on a port of its own."""

    port: int
    certificate: Path
    log: Path

    @property
    def origin(self) -> str:
        return f"https://{NAME}:{self.port}"

    def ask(self, path: str, body: str | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        """What is answered to a request for the name of the certificate, which is checked."""
        context = ssl.create_default_context(cafile=self.certificate)
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        named = {each.replace("_", "-"): value for each, value in headers.items()}
        given = AGENT | {"Host": f"{NAME}:{self.port}"} | named
        connection.request("GET" if body is None else "POST", path, body, given)
        with connection.getresponse() as answer:
            said = answer.read()
        connection.close()
        return answer, said

    def post(self, **headers: str) -> HTTPResponse:
        """The answer to a good fact of one of the site's own pages."""
        body = json.dumps({"facts": [fact(0)]})
        told = {"Origin": self.origin, "Content_Type": "application/json"} | headers
        return self.ask("/dwell/facts", body, **told)[0]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    certificate, _ = certified(folder, NAME)
    (password := folder / "password").write_text(hash_of(PASSWORD))
    port, site, dashboard = free_port(), free_port(), free_port()
    environ = environment(
        folder / "data",
        site,
        dashboard_port=dashboard,
        trusted_proxies="127.0.0.1",
        rate_limit=1,
        dashboard_password_file=password,
    )
    processes = [
        Process(part, environ=environ, output=folder / f"{part}.out")
        for part in ("site", "dashboard")
    ]
    try:
        for process, each in zip(processes, (site, dashboard), strict=True):
            process.wait_for(f"http://127.0.0.1:{each}/")
        with nginx(folder, _configured(folder, port, site, dashboard), port):
            yield Proxied(port, certificate, folder / "nginx.out")
    finally:
        for process in processes:
            process.stop()


def _configured(folder: Path, port: int, site: int, dashboard: int) -> str:
    """The example as it stands, but for ports and where the certificate is."""
    example = (EXAMPLES / "nginx.conf").read_text()
    example = re.sub(r"(?m)^    listen (\[::\]:.*|80);\n", "", example)
    here = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "127.0.0.1:8000": f"127.0.0.1:{site}",
        "127.0.0.1:8001": f"127.0.0.1:{dashboard}",
        "/etc/ssl/certs/": f"{folder}/",
        "/etc/ssl/private/": f"{folder}/",
    }
    example = replaced(example, here)
    # The first server, which leads to https, would listen on port 80 or 8000 now.
    return re.sub(r"(?ms)^server \{\n    server_name.*?^\}\n", "", example, count=1)


def test_pages_and_the_beacon_come_through_it(proxied: Proxied) -> None:
    page, said = proxied.ask("/page_a")
    assert page.status == 200
    assert page.getheader("Strict-Transport-Security") == "max-age=31536000"
    assert page.getheader("Set-Cookie") is None
    assert b"/dwell/beacon" in said
    script, said = proxied.ask("/dwell/beacon.js", Accept_Encoding="br")
    assert (script.status, script.getheader("Content-Encoding")) == (200, "br")
    assert len(said) < 1600


def test_the_visitor_s_cookie_is_for_https_alone(proxied: Proxied) -> None:
    answer = proxied.post()
    assert answer.status == 204
    cookie = answer.getheader("Set-Cookie") or ""
    assert cookie.startswith("dwell_visitor=")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_no_log_has_the_address_of_whose_request_failed(proxied: Proxied) -> None:
    assert proxied.ask("/dwell/facts", "x" * 200_000)[0].status == 413
    assert b"127.0.0.1" not in proxied.log.read_bytes()


def test_another_origin_is_refused_whatever_it_claims(proxied: Proxied) -> None:
    other = {"Origin": "https://other.example"}
    assert proxied.post(**other).status == 403
    assert proxied.post(**other, X_Forwarded_Host="other.example").status == 403


def test_nobody_can_claim_another_address(proxied: Proxied) -> None:
    """The rate is limited to 1 request a second and bursts of 10, address by address."""
    answered = [proxied.post(X_Forwarded_For=f"203.0.113.{each}").status for each in range(40)]
    assert 429 in answered


def test_who_looks_at_the_dashboard_signs_in_over_https(proxied: Proxied) -> None:
    moved, _ = proxied.ask("/stats")
    assert (moved.status, moved.getheader("Location")) == (301, f"{proxied.origin}/stats/")
    refused, _ = proxied.ask("/stats/panels/views", X_Forwarded_User="somebody")
    assert refused.status in (302, 303, 401)
    login = urlencode({"password": PASSWORD})
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    foreign, _ = proxied.ask("/stats/login", login, Origin="https://other.example", **form)
    assert foreign.status == 403
    answer, _ = proxied.ask("/stats/login", login, Origin=proxied.origin, **form)
    cookie = answer.getheader("Set-Cookie") or ""
    assert answer.status == 303
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    page, said = proxied.ask("/stats/", Cookie=cookie.partition(";")[0])
    assert page.status == 200
    assert b"<title>" in said


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not there")
def test_caddy_reads_its_example(tmp_path: Path) -> None:
    caddy = ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(EXAMPLES / "Caddyfile")]
    done = subprocess.run(
        caddy, capture_output=True, text=True, env=os.environ | {"HOME": str(tmp_path)}, check=True
    )
    assert "not formatted" not in done.stderr
    told = json.dumps(json.loads(done.stdout))
    assert all(f'"dial": "127.0.0.1:{port}"' in told for port in (8000, 8001))
    # A failure would be logged with the address of who asked.
    assert '"exclude": ["http.log.error", "http.handlers.reverse_proxy"]' in told
