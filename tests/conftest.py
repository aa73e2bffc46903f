"""What all tests share."""

import signal

import pytest
from hypothesis import settings

from tests.support.scenarios import RUNS

pytest_plugins = [
    "tests.support.brokers",
    "tests.support.garbage",
    "tests.support.memory",
    "tests.support.workers",
]

# How long an example takes says something about the machine, not about what is tested.
settings.register_profile("short", deadline=None)
settings.register_profile("long", deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="repeats and long runs too")
    parser.addoption("--engine", action="append", help="a browser engine for the scenarios")
    parser.addoption("--runs", type=int, help="how often each scenario runs: 5 with --long, else 1")
    parser.addoption(
        "--accuracy", metavar="FILE", help="append what scenarios measure, as JSON lines"
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell has it for what runs in the background; what tests start would never hear Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("long" if config.option.long else "short")
    if config.option.runs is None:
        config.option.runs = RUNS if config.option.long else 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        # On a machine that is busy enough a browser is slower than any tolerance, and one that is
        # closed may be gone before it has sent what it was told. What fails twice more is wrong.
        if item.get_closest_marker("browser") and not config.option.accuracy:
            item.add_marker(pytest.mark.flaky(reruns=2))
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="a long run: ./dev test --long"))
