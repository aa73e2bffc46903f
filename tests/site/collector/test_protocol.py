"""The short way of whole requests: the same answers as by ASGI, whatever arrives how."""

import json
import logging
import re
import socket
from collections.abc import Iterator

import pytest

from dwell.schemas.wire import MAX_FACTS
from dwell.site.collector.body import MAX_BODY
from tests.support.collecting import Site, collecting, distinct, fact

HEAD = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
SHORT, LONG = "/dwell/facts", "/dwell/facts?by=asgi"
"""A query does not matter to the collector, but to the way."""
CASES = {
    "good": ("", json.dumps({"facts": [fact()]})),
    "some good": ("", json.dumps({"facts": [fact(), fact(view=5), 7]})),
    "none good": ("", json.dumps({"facts": [fact(view=5)]})),
    "no facts": ("", "{}"),
    "no JSON": ("", "<facts/>"),
    "empty": ("", ""),
    "too many": ("", json.dumps({"facts": [fact()] * (MAX_FACTS + 1)})),
    "too large": ("", json.dumps({"facts": [fact(referrer="x" * MAX_BODY)]})),
    "opted out": ("Sec-GPC: 1\r\n", json.dumps({"facts": [fact()]})),
    "from elsewhere": ("Origin: https://else.example\r\n", json.dumps({"facts": [fact()]})),
    "from an allowed origin": ("Origin: https://shop.example\r\n", json.dumps({"facts": [fact()]})),
    "encoded": ("Content-Encoding: gzip\r\n", json.dumps({"facts": [fact()]})),
    "a known visitor": (
        "Cookie: dwell_visitor=0193A5C2-0000-7D20-9A41-5B8A3E6D7F99\r\n",
        json.dumps({"facts": [fact()]}),
    ),
    "a connection that ends": ("Connection: close\r\n", json.dumps({"facts": [fact()]})),
}


def request(path: str, head: str = "", body: str | None = None) -> bytes:
    """One request, with its body."""
    text = json.dumps({"facts": [fact()]}) if body is None else body
    return f"{HEAD.format(path=path)}{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


def only(path: str, head: str, body: str, site: Site) -> bytes:
    """The answer to this one request, without its date, and whether the connection ended with it."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(request(path, head, body))
        answer = connection.recv(65_536)
        ended = b"the end" if has_ended(connection) else b"and on"
    return re.sub(rb"date: [^\r]+\r\n", b"", answer) + ended


def has_ended(connection: socket.socket) -> bool:
    """Whether nothing is answered any more."""
    try:
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"404" not in connection.recv(65_536)
    except ConnectionError:
        return True


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    """A site that takes facts of another origin too."""
    with collecting(allowed_origins=["https://shop.example"]) as site:
        yield site


@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_the_same_as_by_asgi(case: str, shop: Site) -> None:
    shop.forget()
    short, kept = only(SHORT, *CASES[case], shop), len(shop.kept)
    long = only(LONG, *CASES[case], shop)

    assert short == long
    assert len(shop.kept) == 2 * kept
    assert kept == (b"HTTP/1.1 204" in short and case != "opted out") + (case == "some good")


def test_a_request_may_come_in_any_pieces(site: Site) -> None:
    whole = request(SHORT, "Connection: close\r\n")
    end = whole.index(b"\r\n\r\n") + 4
    for cut in (1, end - 1, end, end + 1, len(whole) - 1):
        site.forget()
        with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(whole[:cut])
            # An answer to something else in between: what was sent has been read.
            assert site.ask("GET", "/nothing").status == 404
            connection.sendall(whole[cut:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 204 "), cut
        assert len(site.kept) == 1


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    bodies = [json.dumps({"facts": [distinct(number)]}) for number in range(3)]
    requests = [request(SHORT, body=body) for body in bodies]
    requests.insert(1, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    requests.append(request(SHORT, "Connection: close\r\n", "{}"))

    answers = site.send_raw(b"".join(requests))

    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"204", b"404", b"204", b"204", b"400"]
    assert [event["data"]["pageview_id"] for event in site.events] == [
        distinct(number)["pageview_id"] for number in range(3)
    ]


def test_while_a_request_waits_for_the_log_the_next_ones_wait_behind_it(site: Site) -> None:
    site.log.stop()
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(request(SHORT) + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert site.ask("GET", "/nothing").status == 404
        site.log.resume()
        answers = b""
        while answers.count(b"HTTP/1.1 ") < 2:
            answers += connection.recv(65_536)

    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"204", b"404"]


def test_a_body_that_reads_like_a_request_of_facts_is_a_body(site: Site) -> None:
    body = request(SHORT)
    head = f"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(body + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"404"]
    assert site.kept == []


def test_an_older_client_is_answered_and_hung_up_on(site: Site) -> None:
    answer = site.send_raw(request(SHORT).replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"connection: close" in answer


def test_what_goes_wrong_in_the_collector_is_answered_500_and_logged(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> int:
        raise RuntimeError("the clock stands still")

    monkeypatch.setattr(site.dwell.collector, "_now", broken)

    assert site.post(fact()).status == 500
    monkeypatch.undo()
    assert site.post(fact()).status == 204
    [said] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "the clock stands still" in str(said.exc_info)


def test_a_request_that_breaks_off_into_nonsense_keeps_nothing(site: Site) -> None:
    chunked = (
        f'{HEAD.format(path=SHORT)}Transfer-Encoding: chunked\r\n\r\n5\r\n{{"fac\r\nno'.encode()
    )

    assert site.send_raw(chunked).startswith(b"HTTP/1.1 400 ")
    assert site.kept == []
