"""The benchmark of Core Web Vitals: what it measures, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.web_vitals import KINDS, UNITS
from dwell.settings import Settings
from dwell.site.app import create_app
from tests.support.browsers import NoBrowser, open_browser
from tests.support.serving import serving

pytestmark = pytest.mark.browser

FIRST = next(iter(KINDS))


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    with serving(create_app(Settings(data=tmp_path))) as origin:
        yield origin


@pytest.mark.parametrize(
    "kind",
    [FIRST, *(pytest.param(name, marks=pytest.mark.long) for name in KINDS if name != FIRST)],
)
def test_the_browser_reports_everything(origin: str, kind: str) -> None:
    try:
        with open_browser() as browser:
            figures = KINDS[kind](browser, origin)
    except NoBrowser as error:
        pytest.skip(str(error))
    assert figures
    assert figures.keys() <= UNITS.keys()
    assert all(value >= 0 for value in figures.values())
    assert any(value > 0 for value in figures.values())
