"""The page that a run makes, and the picture of where time goes."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.flames import flame_of
from benchmarks.page import page, write
from benchmarks.rows import Row

QUICK = Row("an answer", "ms", [4, 3, 9], aim="at most 5")
SLOW = Row("answers", "1/s", [12_400.0], aim="at least 12,500")
PLAIN = Row("a page, plain", "µs", [100, 100, 100])
PAGE = Row("a page", "µs", [101, 100, 104], PLAIN, "ratio at most 1.01")
ROWS = [("quick", QUICK), ("slow", SLOW), ("slow", PLAIN), ("slow", PAGE)]


@pytest.fixture
def modules() -> dict[str, ModuleType]:
    """Two benchmarks; one knows what limits it."""
    quick, slow = ModuleType("quick"), ModuleType("slow")
    quick.run = lambda times: []  # type: ignore[attr-defined]
    slow.run = quick.run  # type: ignore[attr-defined]
    slow.LIMIT = "The disk."  # type: ignore[attr-defined]
    return {"quick": quick, "slow": slow}


@pytest.mark.parametrize(
    ("aim", "values", "holds"),
    [
        ("at most 5", [5], True),
        ("at most 5", [1, 6, 7], False),
        ("at least 12,500", [12_500], True),
        ("under 5, of all", [5.1], False),
        ("flat", [1], None),
        ("", [1], None),
    ],
)
def test_an_aim_holds_by_the_median(aim: str, values: list[float], holds: bool | None) -> None:
    assert Row("", "", values, aim=aim).holds is holds


def test_an_aim_at_a_ratio_holds_by_the_paired_runs() -> None:
    assert PAGE.holds is True
    assert Row("", "", [103, 103, 90], PLAIN, "ratio at most 1.01").holds is False
    assert Row("", "", [1], aim="ratio at most 1.01").holds is None


def test_the_page_says_what_was_missed_and_what_limits_it(modules: dict[str, ModuleType]) -> None:
    lines = list(page(ROWS, modules, {"slow": "images/slow.svg"}, "--runs 3"))

    assert "| holds | quick: an answer | ms | at most 5 | 4.00 | 3.00 | 9.00 |" in lines
    assert "| missed | slow: answers | 1/s | at least 12,500 | 12,400 | 12,400 | 12,400 |" in lines
    assert "| holds | slow: a page |  | ratio at most 1.01 | 1.010 |  |  |" in lines
    assert "**What limits it.** The disk." in lines
    assert any("](images/slow.svg)" in line for line in lines)
    assert not any("a page, plain | µs" in line and line.startswith("| holds") for line in lines)


def test_the_page_is_written_with_its_pictures(
    tmp_path: Path, modules: dict[str, ModuleType]
) -> None:
    modules["quick"].flame = lambda file: file.write_text("<svg/>")  # type: ignore[attr-defined]
    modules["slow"].flame = lambda file: None  # type: ignore[attr-defined]

    write(tmp_path / "performance.md", ROWS, modules, "quick slow")

    assert (tmp_path / "images" / "flame-quick.svg").exists()
    text = (tmp_path / "performance.md").read_text("utf-8")
    assert "./dev bench --page FILE quick slow" in text
    assert "flame-slow" not in text
    assert str(tmp_path) not in text


def test_a_flame_graph_names_functions_and_no_folders(tmp_path: Path) -> None:
    code = "def spin():\n    while True:\n        sum(range(1000))\nspin()"
    busy = subprocess.Popen([sys.executable, "-c", code])
    file = tmp_path / "flame.svg"
    try:
        with flame_of(busy.pid, file, "a loop", 1):
            pass
    except RuntimeError as error:
        if "Permission" in str(error) or "Operation not permitted" in str(error):
            pytest.skip("py-spy may not look at other processes here")
        raise
    finally:
        busy.kill()
        busy.wait()

    said = "".join(ET.fromstring(file.read_text()).itertext())
    assert "a loop" in said
    assert "spin" in said
    assert "record --native" not in said
    assert str(tmp_path) not in said
