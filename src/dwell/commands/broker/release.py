"""Apache Kafka in the cache: its jars, and an archive of its classes with which it starts within a second."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dwell.commands.broker.jars import VERSION
from dwell.commands.broker.java import Java

QUIET = (
    "-Xlog:disable",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
LIGHT = ("-XX:+UseSerialGC", "-XX:-UsePerfData")


@dataclass(frozen=True)
class Release:
    """One version of Kafka in a folder of its own, with the Java that runs it."""

    java: Java
    folder: Path

    @property
    def jars(self) -> Path:
        """The folder of the jars."""
        return self.folder / "jars"

    @property
    def archive(self) -> Path:
        """The class archive; it serves one build of Java, and this one's name says which."""
        return self.folder / f"classes-{self.java.version}.jsa"

    @property
    def has_archive(self) -> bool:
        """Whether this Java could make one; an empty file says that it could not."""
        return self.archive.exists() and self.archive.stat().st_size > 0

    @property
    def bootstrap(self) -> Path:
        """What the storage tool writes into an empty data folder: the features of this version."""
        return self.folder / "bootstrap.checkpoint"

    @cached_property
    def _classpath(self) -> str:
        # Jar by jar: the archive fits no classpath with a wildcard.
        return os.pathsep.join(sorted(map(str, self.jars.glob("*.jar"))))

    def command(self, main: str, *arguments: str, flags: Sequence[str] = ()) -> list[str]:
        """The command that runs one of Kafka's programs, by the name of its class."""
        archived = [f"-XX:SharedArchiveFile={self.archive}"] if self.has_archive else []
        return [
            *(str(self.java.program), *QUIET, *LIGHT, *archived, *flags),
            *("-classpath", self._classpath, main, *arguments),
        ]


def cache() -> Path:
    """The folder that outlives every checkout."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "dwell" / f"kafka-{VERSION}"
