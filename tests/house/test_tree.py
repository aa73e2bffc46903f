import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.house import ROOT, files

REGISTRIES = (
    *("pypi org", "pythonhosted org", "registry npmjs", "unpkg com", "jsdelivr net"),
    *("repo maven apache", "repo1 maven", "proxy golang", "crates io", "deb debian org"),
)
"""Hosts, with a space where the dot stands, so that this file does not name them."""


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the tree, by its path."""
    for name in files():
        path = ROOT / name
        if path.is_symlink():
            continue
        try:
            yield name, path.read_text()
        except UnicodeDecodeError:
            continue


def test_the_tree_names_no_registry() -> None:
    hosts = [host.replace(" ", ".") for host in REGISTRIES]
    assert [(name, host) for name, text in texts() for host in hosts if host in text] == []


def test_the_tree_names_no_folder_of_this_machine() -> None:
    folders = [f"{folder}/" for folder in (ROOT, Path.home()) if len(folder.parts) > 1]
    found = [(name, folder) for name, text in texts() for folder in folders if folder in text]
    assert found == []


def pins(name: str) -> dict[str, Requirement]:
    """The requirements of a file, each with the hashes that follow it; nothing else may stand there."""
    found = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        stated, *hashes = line.partition(" #")[0].split("--hash=")
        if not stated.strip() or stated.startswith("#"):
            continue
        requirement = Requirement(stated.strip())
        assert hashes, f"{name}: {requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each.strip()) for each in hashes)
        assert [each.operator for each in requirement.specifier] == ["=="], f"{name}: {requirement}"
        found[requirement.name.lower().replace("_", "-")] = requirement
    return found


@pytest.mark.parametrize(
    ("name", "extras"),
    [("requirements.txt", ["install"]), ("requirements-dev.txt", ["install", "dev"])],
)
def test_what_the_project_asks_for_is_pinned(name: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = project["dependencies"] + [line for extra in extras for line in optional[extra]]
    pinned = pins(name)
    for requirement in map(Requirement, wanted):
        pin = pinned[requirement.name.lower().replace("_", "-")]
        (exact,) = pin.specifier
        assert exact.version in requirement.specifier, f"{name}: {pin} for {requirement}"


def test_development_runs_what_is_installed() -> None:
    development = pins("requirements-dev.txt")
    for name, requirement in pins("requirements.txt").items():
        assert development[name].specifier == requirement.specifier, name
