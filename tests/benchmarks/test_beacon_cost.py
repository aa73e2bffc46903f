"""The benchmark of the beacon's cost, on the shortest run that it can make."""

from pathlib import Path

import pytest

from benchmarks.beacon_cost import BOTH, KINDS, QUIET, Pages, once
from benchmarks.devtools import devtools_of
from dwell.settings import Settings
from dwell.site.app import create_app
from tests.support.browsers import NoBrowser, open_browser
from tests.support.serving import serving

pytestmark = pytest.mark.browser


@pytest.mark.long
def test_each_load_runs_the_beacon_and_then_it_works_a_little_each_second(tmp_path: Path) -> None:
    try:
        with (
            serving(create_app(Settings(data=tmp_path))) as origin,
            open_browser() as browser,
            devtools_of(browser) as devtools,
        ):
            figures = once(Pages(origin, browser), devtools, loads=1, seconds=1.2)
    except NoBrowser as error:
        pytest.skip(str(error))
    for kind in KINDS:
        assert 0 < figures[f"{kind}: {BOTH}"] < 1000
    assert 0 < figures[QUIET] < 1000
