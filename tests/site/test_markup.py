"""Every page is HTML as the W3C's checker reads it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from dwell.site.dashboard.pages import TEMPLATES as FOLDER
from dwell.site.pages import PAGES
from tests.support.documents import PARTS, SITE, TEMPLATES, documents
from tests.support.house import ROOT

VNU = ROOT / ".cache/npm/node_modules/vnu-jar/build/dist/vnu.jar"


def test_every_page_is_listed() -> None:
    assert {path.name for path in FOLDER.glob("*.html")} == TEMPLATES.keys() | PARTS
    assert set(SITE) == {page.path for page in PAGES} | {"/nowhere"}


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not there")
@pytest.mark.skipif(not VNU.exists(), reason="vnu-jar is not there; ./dev test brings it by npm")
def test_the_checker_finds_nothing_in_any_page(tmp_path: Path) -> None:
    (folder := tmp_path / "pages").mkdir()
    with documents(tmp_path) as pages:
        for number, name in enumerate(pages.addresses):
            (folder / f"{number}.html").write_text(pages.text(name))
            assert "<title>" in pages.text(name), name
        names = list(pages.addresses)
    (folder / "broken.html").write_text("<title></p>")

    checker = ["java", "-Xss8m", "-XX:TieredStopAtLevel=1", "-jar", str(VNU)]
    command = [*checker, "--format", "json", "--exit-zero-always", "--skip-non-html", str(folder)]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stderr)

    found = [
        (Path(each["url"]).stem, each["message"], each.get("extract")) for each in said["messages"]
    ]
    assert "broken" in {name for name, _, _ in found}
    assert [(names[int(name)], *rest) for name, *rest in found if name != "broken"] == []
