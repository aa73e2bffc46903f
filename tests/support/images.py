"""Images without an engine: buildah builds and runs them as root, in a folder of the test's own."""

import os
import shutil
import subprocess
from pathlib import Path

from dwell.commands.broker.release import cache as kafka_cache

BASE = "docker.io/library/debian:12-slim"
SUITE = "bookworm"
NEEDED = ("buildah", "mmdebstrap")
BUILD_SECONDS = 1_200


def lacking() -> str | None:
    """Why no image can be built here."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not on PATH; on Debian: apt install {' '.join(NEEDED)}"
    return None if os.geteuid() == 0 else "building an image without an engine needs root here"


def stand_in() -> Path:
    """A root file system for Debian's base image, which no registry has to be asked for."""
    kept = kafka_cache().parent / f"debian-{SUITE}.tar"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}.tar")
        _run(["mmdebstrap", "--quiet", "--variant=minbase", SUITE, str(draft)])
        draft.rename(kept)
    return kept


class Buildah:
    """Images in a folder; `folder` gets large."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store, scratch = folder / "store", folder / "run"
        self._program = (
            *("buildah", "--storage-driver", "vfs"),
            *("--root", str(store), "--runroot", str(scratch)),
        )

    def make_base(self) -> None:
        """Give the stand-in the name that the Dockerfile asks for."""
        container = self._say("from", "scratch")
        self._say("add", container, str(stand_in()), "/")
        self._say("commit", "--format", "docker", container, BASE)
        self._say("rm", container)

    def build(self, context: Path) -> str:
        """Build the Dockerfile of a folder; the image's name."""
        build = ["bud", "--pull=never", "--isolation", "chroot", "--format", "docker"]
        self._say(*build, *self._trust(), "--tag", "tried", str(context))
        return "localhost/tried"

    def start(self, image: str) -> str:
        """A container to run commands in."""
        return self._say("from", "--pull=never", image)

    def run(self, container: str, *command: str) -> str:
        """What a command prints that ends well, as the image's user."""
        return self._say("run", "--isolation", "chroot", container, "--", *command)

    def config(self, image: str, form: str) -> str:
        """A part of the image's configuration, by a Go template."""
        return self._say("inspect", "--type", "image", "--format", form, image)

    def close(self) -> None:
        """Let go of every container and image."""
        self._say("rm", "--all")
        self._say("rmi", "--all", "--force")

    def _trust(self) -> list[str]:
        """The certificates that this machine's pip is told to trust, for the one in the image."""
        certificates = os.environ.get("PIP_CERT")
        if certificates is None:
            return []
        configuration = self.folder / "pip.conf"
        configuration.write_text("[global]\ncert = /etc/trusted.crt\n")
        there = {certificates: "/etc/trusted.crt", str(configuration): "/etc/pip.conf"}
        return [word for each in there.items() for word in ("--volume", f"{each[0]}:{each[1]}:ro")]

    def _say(self, *arguments: str) -> str:
        return _run([*self._program, *arguments]).strip()


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    return done.stdout
