"""What pip-audit says of the pinned packages, and whether it could say anything: `./dev audit`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SHOWN = 5


def audited(tool: str, requirements: Path) -> tuple[int, str]:
    """Exit status and what to say: 0 nothing is known, 1 something is, 2 it could not be asked."""
    command = [tool, "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    asked = subprocess.run(
        [*command, "--format", "json", "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return verdict(json.loads(asked.stdout)["dependencies"])
    except ValueError:
        last = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return 2, f"the advisories could not be asked: {last[:200]}"


def verdict(dependencies: list[dict[str, Any]]) -> tuple[int, str]:
    """Exit status and what to say of what pip-audit has found."""
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {' or '.join(hole['fix_versions']) or 'none'}"
        for each in dependencies
        for hole in each.get("vulns", [])
    ]
    unknown = [each["name"] for each in dependencies if "skip_reason" in each]
    lines = list(holes)
    if unknown:
        some = ", ".join(unknown[:SHOWN]) + (" and others" if len(unknown) > SHOWN else "")
        lines.append(
            f"of {len(unknown)} of {len(dependencies)} packages nothing could be learnt, as {some}: "
            "the index that pip uses here has no advisories; run it where the public one is reached"
        )
    if not lines:
        return 0, f"no advisory is known for any of {len(dependencies)} packages"
    return 1 if holes else 2, "\n".join(lines)


if __name__ == "__main__":
    status, said = audited(sys.argv[1], Path(sys.argv[2]))
    sys.stderr.write(f"audit: {said}\n")
    sys.exit(status)
