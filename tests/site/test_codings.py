"""Which content coding a client gets, as RFC 9110 reads `Accept-Encoding`."""

import pytest

from dwell.site.beacon.codings import choose

SMALLEST_FIRST = ("br", "gzip", "identity")
CHROMIUM = "gzip, deflate, br, zstd"
CHROMIUM_WITHOUT_TLS = "gzip, deflate"
WEBKIT = "gzip, deflate, br"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (CHROMIUM, "br"),
        (CHROMIUM_WITHOUT_TLS, "gzip"),
        (WEBKIT, "br"),
        ("", "identity"),
        ("identity", "identity"),
        ("zstd", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("BR", "br"),
        ("gzip,,br", "br"),
        (" gzip\t; q=1.000 ,\tbr;q=1", "br"),
    ],
)
def test_it_is_the_smallest_of_those_asked_for(accepted: str, coding: str) -> None:
    assert choose(accepted, SMALLEST_FIRST) == coding


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br;q=0.9, gzip", "gzip"),
        ("br;q=0.001, gzip;q=0.002", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("gzip;q=0.001", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("zstd, gzip;q=0.2", "gzip"),
    ],
)
def test_what_weighs_more_comes_before_what_is_smaller(accepted: str, coding: str) -> None:
    assert choose(accepted, SMALLEST_FIRST) == coding


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000, br", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0", "identity"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
    ],
)
def test_what_has_no_weight_is_refused(accepted: str, coding: str) -> None:
    assert choose(accepted, SMALLEST_FIRST) == coding


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("*;q=0.5, gzip", "gzip"),
        ("gzip, *;q=0", "gzip"),
        ("identity, *;q=0.5", "identity"),
        ("identity, *;q=0", "identity"),
    ],
)
def test_a_star_stands_for_all_that_are_not_named(accepted: str, coding: str) -> None:
    assert choose(accepted, SMALLEST_FIRST) == coding


@pytest.mark.parametrize("accepted", ["*;q=0", "identity;q=0", "zstd, *;q=0"])
def test_who_refuses_everything_gets_it_plain(accepted: str) -> None:
    assert choose(accepted, SMALLEST_FIRST) == "identity"


@pytest.mark.parametrize(
    "accepted",
    [
        "xgzip",
        "brx",
        "gzip;q=2",
        "gzip;q=1.001",
        "gzip;q=-1",
        "gzip;q=0.5555",
        "gzip;q=",
        "gzip;q",
        "gzip;level=9",
        "gzip; q = 1",
        "gzip br",
        '"gzip"',
        "gzip;q=٠",
        "\xe9",
        ";" * 60_000,
        "gzip " * 12_000 + "x",
    ],
)
def test_what_is_written_wrong_was_not_asked_for(accepted: str) -> None:
    assert choose(accepted, SMALLEST_FIRST) == "identity"
