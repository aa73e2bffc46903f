"""What draws the charts in the browser: Vega, and each chart compiled to it.

Both come from the installed `vl-convert-python`, once, and are kept in a folder. The page's policy
forbids evaluating text, so expressions are read into trees here and walked by Vega's interpreter there.
"""

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from dwell.errors import DwellError
from dwell.site.dashboard.specifications import LITE, NAMES, specification

MODULE = Path(__file__).parent / "vega.js"
"""What is bundled. Its imports are those of the pinned vl-convert, by their versions."""

MEDIA_TYPES = {"vega.js": "text/javascript; charset=utf-8", "charts.json": "application/json"}


SHARED = Path(sys.prefix) / "share/dwell"
"""Where an image of containers keeps them."""


def cache() -> Path:
    """Where they are kept elsewhere: in the user's cache, or among temporary files if there is none."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    except RuntimeError:  # a user without a home
        return _temporary()
    return Path(home) / "dwell"


def bundle(folder: Path | None = None) -> Mapping[str, tuple[bytes, str]]:
    """The files as `Assets` takes them: `static/vega.js` and `static/charts.json`.

    They are made if they are kept nowhere, in a process of its own: the machine that makes them takes
    150 MB, which a server would keep. Where the cache cannot be written, they are kept among the
    temporary files, in a folder that only this user can write.

    Args:
        folder: by default `cache()`.

    Raises:
        DwellError: they could not be made; why was said on standard error.
    """
    name = f"vega-{_key()}"
    writable = (folder or cache(), _temporary())
    for place in (SHARED, *writable):
        if _is_whole(place / name) and _is_trusted(place):
            return _read(place / name)
    with tempfile.TemporaryDirectory() as made:
        files = _read(_make(Path(made)))
    for place in writable:
        with suppress(OSError):
            _keep(files, place, name)
            break
    return files


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"dwell-{os.getuid()}"


def _is_trusted(place: Path) -> bool:
    """Whether nobody else can have put there what browsers are to run."""
    if place != _temporary():
        return True
    found = place.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return mine and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_whole(folder: Path) -> bool:
    try:
        return all((folder / file).exists() for file in MEDIA_TYPES)
    except PermissionError:
        return False


def _key() -> str:
    """Changes with whatever the files are made from."""
    parts = [
        version("vl-convert-python"),
        LITE,
        MODULE.read_text("utf-8"),
        Path(__file__).read_text("utf-8"),
    ]
    parts += [json.dumps(specification(name)) for name in NAMES]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _make(folder: Path) -> Path:
    script = f"from {__name__} import write; write({str(folder)!r})"
    made = subprocess.run([sys.executable, "-c", script], check=False, stdin=subprocess.DEVNULL)
    if made.returncode:
        raise DwellError(
            f"vl-convert {version('vl-convert-python')} could not make what draws the charts: "
            "why it says above"
        )
    return folder


def _keep(files: Mapping[str, tuple[bytes, str]], place: Path, name: str) -> None:
    """Somebody else may have been quicker, with the same."""
    mode = 0o700 if place == _temporary() else 0o777  # an image's are for every user
    place.mkdir(mode=mode, parents=True, exist_ok=True)
    if not _is_trusted(place):
        raise PermissionError
    (place / name).mkdir(exist_ok=True)
    for path, (content, _) in files.items():
        file = place / name / Path(path).name
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(file)


def _read(folder: Path) -> dict[str, tuple[bytes, str]]:
    return {
        f"static/{name}": ((folder / name).read_bytes(), media_type)
        for name, media_type in MEDIA_TYPES.items()
    }


def write(folder: str) -> None:
    """Make the files in this process."""
    import vl_convert

    bundled = vl_convert.javascript_bundle(MODULE.read_text("utf-8"), LITE)
    (Path(folder) / "vega.js").write_text(bundled, "utf-8")
    compiled = {
        name: vl_convert.vegalite_to_vega(specification(name), vl_version=LITE) for name in NAMES
    }
    (Path(folder) / "charts.json").write_text(json.dumps(compiled, separators=(",", ":")), "utf-8")
