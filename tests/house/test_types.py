"""The beacon's types, by the real compiler: what the docs say compiles, what would fail does not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dwell.site.beacon.script import TYPES
from tests.support.examples import examples
from tests.support.house import ROOT

COMPILER = ROOT / ".cache/npm/node_modules/typescript/bin/tsc"
OPTIONS = ("--strict", "--exactOptionalPropertyTypes", "--noEmit", "--pretty", "false")
WRONG = {
    "the beacon is taken for granted": ("window.dwell.pageview({ view: 'a' });", "TS18048"),
    "a name that may be nobody's": ("dwell?.pageview({ view: 'a' });", "TS2304"),
    "no JSON": ("window.dwell?.pageview({ view: 'a', identity: { at: new Date() } });", "TS2322"),
    "nothing is no JSON": (
        "window.dwell?.pageview({ view: 'a', identity: { at: undefined } });",
        "TS2322",
    ),
    "a view without a name": ("window.dwell?.pageview({ view: 7 });", "TS2322"),
    "no view": ("window.dwell?.pageview({});", "TS2741"),
    "a slip of the pen": ("window.dwell?.pageview({ veiw: 'shop.Basket' });", "TS2353"),
    "neither yes nor no": ("window.dwell?.consent('perhaps');", "TS2769"),
    "consent to what": ("window.dwell?.consent();", "TS2554"),
    "a beacon of one's own": ("window.dwell = undefined;", "TS2540"),
}
RIGHT = """
    const dwell = window.dwell;
    if (dwell) dwell.pageview({ view: "a" });
    window.dwell?.pageview({ view: "a", identity: { deep: { list: [1, "a", null, { b: true }] } } });
    export async function agree(): Promise<void> { await window.dwell?.consent(true); }
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the compiler says of each file; of files without a fault, nothing."""
    if not COMPILER.exists() or shutil.which("node") is None:
        pytest.skip("typescript is not in .cache/npm; ./dev test brings it where there is npm")
    folder = tmp_path_factory.mktemp("pages")
    shutil.copy(TYPES, folder)
    sources = {"right.ts": RIGHT, "docs.ts": "\n".join(examples("embedding.md", "ts"))}
    sources |= {f"{name}.ts": f"{code}\nexport {{}};\n" for name, (code, _) in WRONG.items()}
    for name, source in sources.items():
        (folder / name).write_text(source)
    command = ["node", str(COMPILER), *OPTIONS, TYPES.name, *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if said := re.match(r"([^(]+)\(\d+,\d+\): error (TS\d+): ", line):
            found.setdefault(said[1], []).append(said[2])
        else:
            assert line.startswith(" "), line
    return found


def test_what_the_docs_say_compiles(errors: dict[str, list[str]]) -> None:
    assert examples("embedding.md", "ts")
    assert errors.keys() & {TYPES.name, "docs.ts", "right.ts"} == set()


@pytest.mark.parametrize("name", WRONG)
def test_what_would_fail_in_a_page_does_not(errors: dict[str, list[str]], name: str) -> None:
    assert errors.get(f"{name}.ts") == [WRONG[name][1]]


def test_the_docs_say_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = [block for block in examples("embedding.md", "sh") if "curl" in block]
    fetch, copy = block.splitlines()
    assert fetch.endswith("/dwell/beacon.d.ts")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    subprocess.run(["sh", "-c", copy], cwd=tmp_path, check=True)
    assert (tmp_path / "dwell.d.ts").read_bytes() == TYPES.read_bytes()
