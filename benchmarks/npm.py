"""Scripts of others, brought from npm into `.cache` for a run and bundled as their pages would."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".cache/trackers"
BUNDLER = "esbuild"
VERSIONS = {
    "@plausible-analytics/tracker": "0.4.6",
    "@snowplow/browser-tracker": "4.10.1",
    "posthog-js": "1.449.2",
    "timeme.js": "2.1.0",
    "web-vitals": "6.2.3",
    BUNDLER: "0.28.2",
}
"""Exact ones, so that a figure belongs to them."""


class NoPackages(Exception):
    """The packages could not be brought."""


def bring(versions: Mapping[str, str] = VERSIONS) -> None:
    """Install what is not there yet.

    Raises:
        NoPackages: the message says what is missing.
    """
    if {name: _installed(name) for name in versions} == dict(versions):
        return
    wanted = [f"{name}@{version}" for name, version in versions.items()]
    npm = shutil.which("npm")
    if npm is None:
        raise NoPackages(f"npm is not on PATH; it brings {', '.join(wanted)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    quietly = ("--silent", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
    command = [npm, "install", *quietly, "--prefix", str(FOLDER), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoPackages(f"npm could not bring {', '.join(wanted)}")


def _installed(name: str) -> str | None:
    """The version that is there."""
    try:
        text = (FOLDER / "node_modules" / name / "package.json").read_text("utf-8")
    except OSError:
        return None
    return text.partition('"version": "')[2].partition('"')[0]


def bundled(source: str) -> bytes:
    """A module and all that it imports, minified into one classic script.

    Raises:
        NoPackages: the bundler refuses it; the message says why.
    """
    bundler = FOLDER / "node_modules/.bin" / BUNDLER
    options = ("--bundle", "--minify", "--format=iife", "--log-level=error", "--target=chrome120")
    try:
        done = subprocess.run(
            [bundler, *options], input=source.encode(), capture_output=True, check=False, cwd=FOLDER
        )
    except OSError as error:
        raise NoPackages(f"{BUNDLER} cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        raise NoPackages(f"{BUNDLER}: {done.stderr.decode().strip()}")
    return done.stdout
