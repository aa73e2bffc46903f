"""Kafka's jars, brought by Maven."""

import re
import shutil
import subprocess
from pathlib import Path

from dwell.errors import DwellError

VERSION = "4.3.1"
ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
)
"""What is asked for: the broker, the console's tools, and what writes their log to standard error."""
WITHIN_SECONDS = 600.0

PROJECT = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dwell</groupId>
  <artifactId>kafka</artifactId>
  <version>{version}</version>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
DEPENDENCY = """\
    <dependency>
      <groupId>{}</groupId>
      <artifactId>{}</artifactId>
      <version>{}</version>
    </dependency>"""


def bring_jars(folder: Path) -> None:
    """Make the folder, with every jar in it; whole, or not at all.

    Raises:
        DwellError: there is no Maven, or it could not bring them.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise DwellError(
            "there is no mvn on PATH to bring Kafka's jars: install Maven;"
            " on Debian and Ubuntu: apt install maven"
        )
    project = folder.with_name("pom.xml")
    project.write_text(_project())
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    _run(maven, project, draft)
    draft.rename(folder)


def _project() -> str:
    dependencies = "\n".join(DEPENDENCY.format(*artifact) for artifact in ARTIFACTS)
    return PROJECT.format(version=VERSION, dependencies=dependencies)


def _run(maven: str, project: Path, draft: Path) -> None:
    command = [maven, "--quiet", "--batch-mode", "--file", str(project)]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={draft}"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WITHIN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DwellError(
            f"Maven has not brought Kafka's jars within {WITHIN_SECONDS:g} s: try again"
        ) from None
    if done.returncode != 0 or not any(draft.glob("kafka-server-*.jar")):
        raise DwellError(f"Maven could not bring Kafka's jars: {_why(done.stdout + done.stderr)}")


def _why(told: str) -> str:
    """Maven's first error, or its last line, in one line."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told).strip()
    error = re.search(r"^\[ERROR\] (.+)$", plain, re.MULTILINE)
    return error[1] if error else (plain.splitlines() or ["it does not say why"])[-1]
