"""A browser for the tests that need one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from selenium.webdriver import Chrome

from tests.support.browsers import NoBrowser, open_browser


def _open(stack: ExitStack, **options: object) -> Chrome:
    try:
        return stack.enter_context(open_browser(**options))  # type: ignore[arg-type]
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def new_browser() -> Iterator[Callable[..., Chrome]]:
    """Opens Chromium with a fresh profile, as often as called; see `open_browser` for the options."""
    with ExitStack() as stack:
        yield lambda **options: _open(stack, **options)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """One Chromium for the tests of a module."""
    with ExitStack() as stack:
        yield _open(stack)
