"""Reading a request's head: the client's address behind proxies, and headers that come twice."""

import pytest

from dwell.settings import Settings
from dwell.site.collector.request import RequestReader, headers_of

PROXIES = Settings(trusted_proxies=("10.0.0.0/8", "2001:db8:ffff::/48")).trusted_networks


def address_seen(peer: str, *forwarded: str) -> str | None:
    """Whom the collector takes for the client."""
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"headers": headers, "client": (peer, 1), "scheme": "http"}
    return RequestReader(PROXIES).read(scope).address


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("198.51.100.7", ["203.0.113.1"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.1, 10.0.0.2"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.1, 10.0.0.2", "10.0.0.3"], "203.0.113.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.1:4711"], "203.0.113.1"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:203.0.113.1"], "203.0.113.1"),
        ("::ffff:10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("2001:db8:ffff::1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["203.0.113.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_hop_that_no_trusted_proxy_is(
    peer: str, forwarded: list[str], seen: str
) -> None:
    assert address_seen(peer, *forwarded) == seen


def test_headers_that_come_twice_are_joined() -> None:
    pairs = [(b"cookie", b"a=1"), (b"origin", b"x"), (b"cookie", b"b=2"), (b"origin", b"y")]

    assert headers_of(pairs) == {b"cookie": b"a=1; b=2", b"origin": b"x, y"}
