"""What all tests share."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.brokers"]

# How long an example takes says something about the machine, not about what is tested.
settings.register_profile("dwell", deadline=None)
settings.load_profile("dwell")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="repeats and long runs too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("browser"):
            # One worker runs the browsers, one after the other: they measure time.
            item.add_marker(pytest.mark.xdist_group("browser"))
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="a long run: ./dev test --long"))
