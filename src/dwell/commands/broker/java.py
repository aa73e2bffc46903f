"""Java, which runs Kafka."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dwell.errors import DwellError

OLDEST = 17
"""Kafka 4's brokers run on no Java before this one."""
WANTED = f"Apache Kafka needs Java {OLDEST} or later; on Debian and Ubuntu: apt install default-jre-headless"


@dataclass(frozen=True)
class Java:
    """A Java that can run Kafka.

    Attributes:
        version: in full, as `17.0.15+6-Debian-1deb12u1`: a class archive serves this one alone.
    """

    program: Path
    version: str


def find_java() -> Java:
    """The Java of `JAVA_HOME`, else the first one on the path.

    Raises:
        DwellError: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        where = f"in JAVA_HOME, which is '{home}'" if home else "on PATH"
        raise DwellError(f"there is no java {where}: {WANTED}")
    told = subprocess.run(
        [found, "-version"], capture_output=True, text=True, errors="replace", check=False
    ).stderr
    number = re.search(r'version "(\d+)', told)
    if number is None or int(number[1]) < OLDEST:
        first = told.partition("\n")[0].strip() or "something that does not say its version"
        raise DwellError(f"{found} is {first}: {WANTED}")
    build = re.search(r"\(build ([^ ,)]+)", told)
    return Java(Path(found), build[1] if build else number[1])
