"""What is made once of a release: the archive of its classes, and the features of its version."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from dwell.commands.broker.release import Release
from dwell.commands.broker.server import Broker
from dwell.errors import DwellError

CLUSTER = "AAAAAAAAQACAAAAAAAAAAA"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:1
listeners=CLIENTS://127.0.0.1:2,CONTROLLER://127.0.0.1:1
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={}
"""
"""Enough for the storage tool; no broker is ever started with it."""


def make_bootstrap(release: Release) -> None:
    """Let Kafka's storage tool format a folder, and keep what is the same in all of them."""
    with TemporaryDirectory(dir=release.folder) as folder:
        properties = Path(folder) / "server.properties"
        properties.write_text(PROPERTIES.format(Path(folder) / "logs"))
        command = release.command(
            "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)
        )
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            raise DwellError(f"Kafka could not format a folder: {_last_line(done.stderr)}")
        (Path(folder) / "logs" / release.bootstrap.name).rename(release.bootstrap)


def make_archive(release: Release) -> None:
    """Run a broker once and have Java archive the classes that it has loaded."""
    draft = release.archive.with_suffix(".draft")
    with TemporaryDirectory(dir=release.folder) as folder:
        broker = Broker(release, Path(folder), flags=(f"-XX:ArchiveClassesAtExit={draft}",))
        broker.start()
        broker.stop(within=60)
    # A Java that cannot archive runs Kafka all the same, in three times the time.
    if draft.exists():
        draft.rename(release.archive)
    else:
        release.archive.touch()


def _last_line(told: str) -> str:
    return (told.strip().splitlines() or ["it does not say why"])[-1]
