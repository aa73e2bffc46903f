"""What Dwell is made of: the bill of materials, and what is said of known holes in it."""

import json
import subprocess
import sys

import pytest

from dwell.bill import bill, pins
from tests.support.auditing import verdict
from tests.support.house import ROOT

REQUIREMENTS = ROOT / "requirements.txt"


def test_the_bill_of_materials_names_every_package_once() -> None:
    made = bill(REQUIREMENTS.read_text())

    wanted = {(pin.name, pin.version): pin for pin in pins(REQUIREMENTS.read_text())}
    found = {each["name"]: each for each in made["components"]}
    assert len(found) == len(made["components"]), "a package is there in two versions"
    assert found.keys() == {name for name, _ in wanted}
    assert len(found) > 30
    for name, each in found.items():
        pin = wanted[name, each["version"]]
        hashes = [
            hash_["content"] for file in each["externalReferences"] for hash_ in file["hashes"]
        ]
        assert hashes == pin.hashes
        assert all(len(each) == 64 for each in hashes)
        assert each["purl"].endswith(f"@{each['version']}")
    everywhere = [each for each in found.values() if "properties" not in each]
    assert sum("licenses" in each for each in everywhere) >= 0.9 * len(everywhere)


def test_it_is_cyclonedx_and_the_same_each_time() -> None:
    command = [sys.executable, "-m", "dwell.bill", str(REQUIREMENTS)]
    printed = [subprocess.check_output(command, text=True) for _ in range(2)]
    assert printed[0] == printed[1]
    made = json.loads(printed[0])
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    refs = [each["bom-ref"] for each in made["components"]]
    assert len(refs) == len(set(refs))
    assert made["dependencies"] == [{"ref": "dwell", "dependsOn": refs}]


@pytest.mark.parametrize("line", ["duckdb>=2", "duckdb==2.0.0", "-e .", "./duckdb.whl"])
def test_what_is_not_pinned_makes_no_bill(line: str) -> None:
    with pytest.raises(ValueError, match="expected NAME==VERSION --hash=sha256"):
        bill(line)


def test_the_image_has_its_bill() -> None:
    assert "-m dwell.bill requirements.txt > /opt/dwell/dwell.cdx.json" in (
        ROOT / "Dockerfile"
    ).read_text().replace("\\\n    ", "")


def test_what_is_known_is_told_and_what_could_not_be_asked_is_not_taken_for_well() -> None:
    well = {"name": "a", "version": "1", "vulns": []}
    hole = {"id": "CVE-1", "fix_versions": ["2"]}
    assert verdict([well])[0] == 0
    assert verdict([well, well | {"vulns": [hole]}]) == (1, "a 1: CVE-1, mended in 2")
    status, said = verdict([well, {"name": "b", "skip_reason": "not found"}])
    assert status == 2
    assert said.startswith("of 1 of 2 packages nothing could be learnt, as b: ")
