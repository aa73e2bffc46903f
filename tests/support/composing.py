"""The checker of compose files: Docker Compose's own reader, built by Go once and kept in the cache.

`python -m tests.support.composing` builds it ahead of the tests.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from dwell.commands.broker.release import cache as kafka_cache
from tests.support.house import ROOT

SOURCE = ROOT / "tests/house/compose"
WITHIN_SECONDS = 600.0


@cache
def checker() -> Path | str:
    """The program, or why there is none."""
    sources = b"".join(each.read_bytes() for each in sorted(SOURCE.iterdir()))
    digest = hashlib.sha256(sources).hexdigest()[:12]
    program = kafka_cache().parent / f"compose-checker-{digest}"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        return "there is no go on PATH to build the checker of compose files with"
    program.parent.mkdir(parents=True, exist_ok=True)
    with program.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return program if program.exists() else _build(go, program)


def _build(go: str, program: Path) -> Path | str:
    draft = program.with_suffix(".draft")
    command = [go, "build", "-trimpath", "-buildvcs=false", "-o", str(draft), "."]
    environ = dict(os.environ) | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    done = subprocess.run(
        command,
        cwd=SOURCE,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_SECONDS,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        return f"Go could not build the checker of compose files: {last}"
    draft.rename(program)
    return program


if __name__ == "__main__":
    found = checker()
    sys.exit(f"dev: {found}; its tests are skipped" if isinstance(found, str) else 0)
