import json
import tempfile
from pathlib import Path

import pytest

from dwell.site.dashboard import vega
from dwell.site.dashboard.specifications import NAMES, specification


@pytest.fixture(autouse=True)
def nothing_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vega, "SHARED", tmp_path / "shared")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def test_the_bundle_draws_every_chart(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """What the user's cache keeps was made of what there is now: its name is a hash of that."""
    made = vega.bundle(tmp_path / "cache" if pytestconfig.option.long else None)
    script, media_type = made["static/vega.js"]
    assert media_type == "text/javascript; charset=utf-8"
    for name in (b"View", b"parse", b"expressionInterpreter"):
        assert b" as " + name in script[script.rindex(b"export{") :]
    charts = json.loads(made["static/charts.json"][0])
    assert set(charts) == set(NAMES)
    assert all(chart["$schema"].endswith("/vega/v6.json") for chart in charts.values())


@pytest.fixture
def makes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Where something was made, in no time."""
    made: list[Path] = []

    def make(folder: Path) -> Path:
        made.append(folder)
        for name in vega.MEDIA_TYPES:
            (folder / name).write_text(name)
        return folder

    (tmp_path / "file").touch()
    monkeypatch.setattr(vega, "_make", make)
    return made


def test_the_bundle_is_made_once_and_kept(tmp_path: Path, makes: list[Path]) -> None:
    made = vega.bundle(tmp_path / "cache")
    assert vega.bundle(tmp_path / "cache") == made
    assert len(makes) == 1
    assert [path.name[:5] for path in (tmp_path / "cache").iterdir()] == ["vega-"]


def test_where_the_cache_cannot_be_written_it_is_kept_among_temporary_files(
    tmp_path: Path, makes: list[Path]
) -> None:
    for _ in range(2):
        found = vega.bundle(tmp_path / "file" / "cache")
        assert found["static/vega.js"][0] == b"vega.js"
    assert len(makes) == 1
    [place] = (tmp_path / "tmp").iterdir()
    assert place.stat().st_mode & 0o777 == 0o700


def test_what_is_kept_elsewhere_is_for_every_user_as_an_image_has_it(
    tmp_path: Path, makes: list[Path]
) -> None:
    vega.bundle(tmp_path / "shared")
    for path in (tmp_path / "shared", *(tmp_path / "shared").rglob("*")):
        assert path.stat().st_mode & 0o004, path


def test_what_others_may_have_put_there_is_neither_served_nor_written_to(
    tmp_path: Path, makes: list[Path]
) -> None:
    vega.bundle(tmp_path / "file" / "cache")
    [place] = (tmp_path / "tmp").iterdir()
    place.chmod(0o777)
    [kept] = place.iterdir()
    (kept / "vega.js").write_text("alert(1)")
    found = vega.bundle(tmp_path / "file" / "cache")
    assert found["static/vega.js"][0] == b"vega.js"
    assert len(makes) == 2
    assert (kept / "vega.js").read_text() == "alert(1)"


def test_a_user_without_a_home_has_a_cache_too(
    monkeypatch: pytest.MonkeyPatch, makes: list[Path]
) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert vega.bundle() == vega.bundle()
    assert len(makes) == 1


def test_nothing_in_a_chart_is_fetched_or_evaluated() -> None:
    for name in NAMES:
        chart = json.dumps(specification(name))
        assert '"url"' not in chart
