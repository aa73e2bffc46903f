"""What is made once of a release: the archive of its classes, and the features of its version."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from dwell.commands.broker.properties import Node, properties, written
from dwell.commands.broker.release import Release
from dwell.commands.broker.server import QUICK, Broker, new_id
from dwell.errors import DwellError


def make_bootstrap(release: Release) -> None:
    """Let Kafka's storage tool format a folder, and keep what is the same in all of them."""
    with TemporaryDirectory(dir=release.folder) as folder:
        node, logs, file = Node(0, 2, 1), Path(folder) / "logs", Path(folder) / "server.properties"
        file.write_text(written(properties(node, (node,), str(logs), {})))
        command = release.command(
            "kafka.tools.StorageTool", "format", "-t", new_id(), "-c", str(file)
        )
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            raise DwellError(f"Kafka could not format a folder: {_last_line(done.stderr)}")
        (logs / release.bootstrap.name).rename(release.bootstrap)


def make_archive(release: Release) -> None:
    """Run a broker once and have Java archive the classes that it has loaded."""
    draft = release.archive.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with TemporaryDirectory(dir=release.folder) as folder:
        broker = Broker(release, Path(folder), flags=(*QUICK, f"-XX:ArchiveClassesAtExit={draft}"))
        broker.start()
        broker.stop(within=60)
    # A Java that cannot archive runs Kafka all the same, in three times the time.
    if draft.exists():
        draft.rename(release.archive)
    else:
        release.archive.touch()


def _last_line(told: str) -> str:
    return (told.strip().splitlines() or ["it does not say why"])[-1]
