"""The rate limit, over a socket and on a clock that the test advances."""

from collections.abc import Iterator

import pytest

from dwell.site.collector.rate import RateLimit
from dwell.site.collector.refusals import Refused
from dwell.site.collector.request import Request
from tests.support.collecting import Site, collecting, fact


@pytest.fixture
def proxied() -> Iterator[Site]:
    """A site that lets each address send once a second, behind a proxy that it trusts."""
    with collecting(trusted_proxies="127.0.0.1", rate_limit=1) as served:
        yield served


class Door:
    """A rate limit and its clock."""

    def __init__(self, per_second: float, **bounds: int) -> None:
        self.now = 1000.0
        self.limit = RateLimit(per_second, lambda: self.now, **bounds)

    def opens(self, address: str | None, *, forwarded: bool = False) -> bool:
        """Whether a request from this address passes now."""
        request = Request({}, address, False, b"")
        request.forwarded = forwarded
        try:
            self.limit.admit(request)
        except Refused as refused:
            self.retry_after = int(refused.headers[0][1])
            return False
        return True

    def passed(self, address: str, tries: int) -> int:
        """How many of so many requests at once pass."""
        return sum(self.opens(address) for _ in range(tries))


def test_who_sends_too_much_is_answered_429_and_told_when_to_come_back(proxied: Site) -> None:
    sender = {"X-Forwarded-For": "198.51.100.7"}

    answers = [proxied.post(fact(), headers=sender) for _ in range(11)]

    assert [answer.status for answer in answers] == [204] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].problem["type"] == "urn:dwell:problem:rate"
    assert len(proxied.kept) == 10
    assert proxied.post(fact(), headers={"X-Forwarded-For": "198.51.100.8"}).status == 204


def test_loopback_is_never_limited() -> None:
    with collecting(rate_limit=0.1) as site:
        assert {site.post(fact()).status for _ in range(15)} == {204}


def test_a_client_cannot_choose_its_own_address(proxied: Site) -> None:
    statuses = [
        proxied.post(fact(), headers={"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.7"}).status
        for n in range(11)
    ]

    assert statuses == [204] * 10 + [429]


@pytest.mark.parametrize("hops", ["127.0.0.1", "::1", "127.0.0.1, 127.0.0.1", "unknown", ""])
def test_loopback_is_limited_where_a_proxy_tells_the_address(proxied: Site, hops: str) -> None:
    sender = {"X-Forwarded-For": hops}

    statuses = [proxied.post(fact(), headers=sender).status for _ in range(11)]

    assert statuses == [204] * 10 + [429]


def test_a_proxy_on_this_machine_that_tells_no_address_is_not_limited(proxied: Site) -> None:
    assert {proxied.post(fact()).status for _ in range(15)} == {204}


def test_a_client_in_a_trusted_network_cannot_call_itself_loopback() -> None:
    door = Door(1)

    assert [door.opens("127.0.0.1", forwarded=True) for _ in range(11)] == [True] * 10 + [False]


def test_a_burst_is_ten_seconds_worth_and_fills_up_again() -> None:
    door = Door(100)

    assert door.passed("198.51.100.7", 2000) == 1000
    door.now += 0.5
    assert door.passed("198.51.100.7", 100) == 50
    door.now += 3600
    assert door.passed("198.51.100.7", 2000) == 1000


def test_a_limit_below_one_request_in_ten_seconds_still_lets_one_pass() -> None:
    door = Door(0.01)

    assert door.passed("198.51.100.7", 3) == 1
    assert door.retry_after == 100
    door.now += 100
    assert door.opens("198.51.100.7")


def test_refusals_do_not_push_the_next_chance_away() -> None:
    door = Door(1)
    door.passed("198.51.100.7", 500)
    door.now += 1

    assert door.opens("198.51.100.7")


def test_zero_is_off() -> None:
    assert Door(0).passed("198.51.100.7", 5000) == 5000


def test_an_ipv6_client_is_its_network() -> None:
    door = Door(1)

    assert sum(door.opens(f"2001:db8:1:2::{n:x}") for n in range(100)) == 10
    assert door.opens("2001:db8:1:3::1")


def test_an_ipv4_address_in_ipv6_form_is_the_same_client() -> None:
    door = Door(1)
    door.passed("198.51.100.7", 10)

    assert not door.opens("::ffff:198.51.100.7")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", None])
def test_every_form_of_loopback_and_a_unix_socket_are_never_limited(address: str | None) -> None:
    door = Door(1)

    assert all(door.opens(address) for _ in range(50))
    assert len(door.limit) == 0


def test_many_addresses_take_bounded_memory() -> None:
    door = Door(1, most_clients=1000)

    for number in range(5000):
        door.opens(f"10.1.{number // 250}.{number % 250}")

    assert len(door.limit) == 1000


def test_clients_whose_bucket_is_full_are_forgotten() -> None:
    door = Door(10)
    for number in range(200):
        door.opens(f"10.1.0.{number}")
    door.now += 1

    for number in range(100):
        door.opens(f"10.2.0.{number}")

    assert len(door.limit) == 100


def test_refused_requests_clear_addresses_away_too() -> None:
    door = Door(10)
    for number in range(200):
        door.opens(f"10.1.0.{number}")
    door.passed("10.3.0.1", 200)
    door.now += 0.2

    assert door.passed("10.3.0.1", 3) == 2
    assert len(door.limit) == 1


def test_one_request_clears_away_only_so_many() -> None:
    door = Door(10)
    for number in range(2500):
        door.opens(f"10.{number // 250}.0.{number % 250}")
    door.now += 60

    left = [len(door.limit) for _ in range(4) if door.opens("10.250.0.1")]
    assert left == [1501, 501, 1, 1]
