import json
from pathlib import Path

import pytest

from dwell.site.dashboard import vega
from dwell.site.dashboard.specifications import NAMES, specification


@pytest.fixture(autouse=True)
def nothing_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vega, "SHARED", tmp_path / "shared")


def test_the_bundle_is_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = vega.bundle(tmp_path / "cache")
    script, media_type = made["static/vega.js"]
    assert media_type == "text/javascript; charset=utf-8"
    for name in (b"View", b"parse", b"expressionInterpreter"):
        assert b" as " + name in script[script.rindex(b"export{") :]
    charts = json.loads(made["static/charts.json"][0])
    assert set(charts) == set(NAMES)
    assert all(chart["$schema"].endswith("/vega/v6.json") for chart in charts.values())
    monkeypatch.setattr(vega, "_make", lambda folder: pytest.fail("made again"))
    assert vega.bundle(tmp_path / "cache") == made
    assert [path.name[:5] for path in (tmp_path / "cache").iterdir()] == ["vega-"]


def test_a_folder_that_cannot_be_written_is_made_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(folder: Path) -> Path:
        for name in vega.MEDIA_TYPES:
            (folder / name).write_text(name)
        return folder

    monkeypatch.setattr(vega, "_make", make)
    (tmp_path / "file").touch()
    made = vega.bundle(tmp_path / "file" / "cache")
    assert made["static/vega.js"][0] == b"vega.js"


def test_nothing_in_a_chart_is_fetched_or_evaluated() -> None:
    for name in NAMES:
        chart = json.dumps(specification(name))
        assert '"url"' not in chart
