"""The software bill of materials: every pinned package with its hashes and its licence, as CycloneDX.

    python -m dwell.bill requirements.txt > dwell.cdx.json

It is made where the packages are installed, when an image or an environment is built. Licences are
what the packages say of themselves.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(?:;\s*([^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Pin(NamedTuple):
    """A pinned package.

    Attributes:
        marker: where it is wanted, as pip reads it; empty is everywhere.
        hashes: SHA-256 of each of its files that may be installed.
    """

    name: str
    version: str
    marker: str
    hashes: list[str]


def pins(requirements: str) -> Iterator[Pin]:
    """The packages of a file of requirements with hashes.

    Raises:
        ValueError: a line pins nothing, or a package has no hash.
    """
    for line in requirements.replace("\\\n", " ").splitlines():
        stated = line.partition(" #")[0].strip()
        if not stated or stated.startswith("#"):
            continue
        found = _PIN.match(stated.partition("--hash")[0])
        hashes = _HASH.findall(stated)
        if found is None or not hashes:
            raise ValueError(f"{stated[:60]!r}: expected NAME==VERSION --hash=sha256:…")
        yield Pin(found[1], found[2], (found[3] or "").strip(), hashes)


def bill(requirements: str) -> dict[str, Any]:
    """The document, the same for the same packages."""
    components = [_component(pin) for pin in pins(requirements) if _is_chosen(pin)]
    own = {"type": "application", "name": "dwell", "version": version("dwell"), "bom-ref": "dwell"}
    named = json.dumps([own, components])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, named)}",
        "version": 1,
        "metadata": {"component": own | {"licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": components,
        "dependencies": [{"ref": "dwell", "dependsOn": [each["bom-ref"] for each in components]}],
    }


def _is_chosen(pin: Pin) -> bool:
    """Whether this is not the alternative to another version, which another Python gets."""
    try:
        return version(pin.name) == pin.version
    except PackageNotFoundError:
        return True


def _component(pin: Pin) -> dict[str, Any]:
    # Of a package with many files CycloneDX has no place for the hash of each, but beside the file.
    files = [
        {"type": "distribution", "url": f"urn:sha256:{each}", "hashes": [_sha256(each)]}
        for each in pin.hashes
    ]
    normal = re.sub(r"[-_.]+", "-", pin.name).lower()
    made: dict[str, Any] = {
        "type": "library",
        "name": pin.name,
        "version": pin.version,
        "bom-ref": f"{normal}@{pin.version}",
        "purl": f"pkg:pypi/{normal}@{pin.version}",
        "externalReferences": files,
    }
    if licence := _licence(pin):
        made["licenses"] = [licence]
    if pin.marker:
        made["properties"] = [{"name": "dwell:marker", "value": pin.marker}]
    return made


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _licence(pin: Pin) -> Mapping[str, Any] | None:
    """What the installed package says; nothing where it is not installed, or says nothing short."""
    try:
        said = metadata(pin.name)
    except PackageNotFoundError:
        return None
    if "License-Expression" in said:
        return {"expression": said["License-Expression"]}
    classified = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or []
        if each.startswith("License :: ")
    ]
    first = said["License"].strip() if "License" in said else ""
    named = " or ".join(classified) or (first if "\n" not in first and len(first) < 80 else "")
    return {"license": {"name": named}} if named else None


def main() -> None:
    """Print the bill of the file that is named."""
    if len(sys.argv) != 2:
        sys.exit("bill: expected a file of requirements, such as requirements.txt")
    text = Path(sys.argv[1]).read_text("utf-8")
    sys.stdout.write(json.dumps(bill(text), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
