"""The body: bounded in bytes and in time, before anything in it is read."""

import json
import logging
import socket
import time

import pytest

from dwell.site.collector.body import MAX_BODY
from dwell.site.collector.refusals import Cause
from tests.support.collecting import Site, collecting, fact
from tests.support.running import wait_until

HEAD = b"POST /dwell/facts HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"


def padded(size: int) -> bytes:
    """A good body of so many bytes."""
    body = json.dumps({"facts": [fact()]}).encode()
    return body + b" " * (size - len(body))


def chunk(content: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def test_64_kib_are_taken_and_a_byte_more_is_answered_413(site: Site) -> None:
    assert site.post(body=padded(MAX_BODY)).status == 204

    answer = site.post(body=padded(MAX_BODY + 1))

    assert answer.status == 413
    assert "65536 bytes" in answer.problem["detail"]
    assert len(site.kept) == 1


def test_an_announced_size_is_refused_before_a_byte_arrives(site: Site) -> None:
    answer = site.send_raw(HEAD + b"Connection: close\r\nContent-Length: 65537\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_who_asks_first_is_not_told_to_go_on_with_a_body_too_large(site: Site) -> None:
    ask = HEAD + b"Connection: close\r\nExpect: 100-continue\r\n"

    assert site.send_raw(ask + b"Content-Length: 65537\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    answer = site.send_raw(ask + b"Content-Length: 600\r\n\r\n", padded(600))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 ")


def test_a_chunked_body_is_read(site: Site) -> None:
    body = padded(600)

    answer = site.send_raw(
        CHUNKED + b"Connection: close\r\n\r\n", chunk(body[:10]), chunk(body[10:]), b"0\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert len(site.kept) == 1


def test_an_endless_chunked_body_is_refused_when_it_is_too_large(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(CHUNKED + b"\r\n")
        for _ in range(9):
            connection.sendall(chunk(b" " * 8192))

        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_a_connection_serves_on_after_a_refusal(site: Site) -> None:
    refused = (
        HEAD.replace(b"text/plain", b"image/png") + b"Content-Length: 600\r\n\r\n" + padded(600)
    )
    good = HEAD + b"Connection: close\r\nContent-Length: 600\r\n\r\n" + padded(600)

    answers = site.send_raw(refused, good)

    assert answers.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 204 " in answers


def test_a_body_that_never_ends_is_answered_408_in_time() -> None:
    with collecting(body_seconds=0.2) as site:
        began = time.monotonic()
        answer = site.send_raw(HEAD + b"Content-Length: 600\r\n\r\n", b'{"facts":')

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer
        assert 0.15 < time.monotonic() - began < 5
        assert site.dwell.collector.counts.refused == {Cause.TOO_SLOW: 1}


def test_many_slow_bodies_are_all_ended_and_quick_ones_are_not() -> None:
    with collecting(body_seconds=0.3) as site:
        slow = [socket.create_connection(("127.0.0.1", site.port), timeout=20) for _ in range(50)]
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 600\r\n\r\n{")

        assert site.post(fact()).status == 204
        for connection in slow:
            with connection:
                assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert site.post(fact()).status == 204


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(HEAD + b"Content-Length: 600\r\n\r\n" + padded(600)[:599])

    refused = site.dwell.collector.counts.refused
    wait_until(lambda: refused[Cause.DISCONNECTED] == 1)
    assert site.kept == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_was_appended_for_a_client_that_left_stays(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.log.stop()
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(HEAD + b"Content-Length: 600\r\n\r\n" + padded(600))
        wait_until(lambda: site.waiting == 1)
    site.log.resume()

    wait_until(lambda: len(site.kept) == 1)
    assert site.post(fact()).status == 204
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
