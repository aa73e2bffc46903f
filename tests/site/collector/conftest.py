"""What the tests of the collector share."""

from collections.abc import Iterator

import pytest

from tests.support.collecting import Site, collecting


@pytest.fixture(scope="module")
def _served() -> Iterator[Site]:
    with collecting() as served:
        yield served


@pytest.fixture
def site(_served: Site) -> Site:
    """A site with the default settings and an empty log."""
    _served.forget()
    return _served
