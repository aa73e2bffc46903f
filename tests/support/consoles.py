"""The tools of Kafka's own console."""

import subprocess

from dwell.commands.broker.release import Release


def console(release: Release, tool: str, *arguments: str) -> str:
    """What `org.apache.kafka.tools.<tool>` prints until it ends well."""
    java = release.command(f"org.apache.kafka.tools.{tool}", *arguments)
    done = subprocess.run(java, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
