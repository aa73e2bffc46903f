"""The findings, for people and for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from dwell.commands.doctor.finding import Finding


def as_text(findings: Sequence[Finding]) -> str:
    """A line for each, below it what to do, and the sum at the end."""
    width = max(len(each.of) for each in findings)
    lines = []
    for each in findings:
        lines.append(f"{each.verdict:5}  {each.of.ljust(width)}  {each.said}")
        if each.advice:
            lines.append(f"{'':5}  {'':{width}}  → {each.advice}")
    return "\n".join([*lines, "", _sum(findings)])


def as_object(findings: Sequence[Finding]) -> str:
    """One JSON object: whether all is well, and the findings in order."""
    is_well = all(each.verdict != "wrong" for each in findings)
    return json.dumps({"well": is_well, "findings": [asdict(each) for each in findings]}, indent=2)


def _sum(findings: Sequence[Finding]) -> str:
    many = Counter(each.verdict for each in findings)
    if not many["wrong"]:
        return "nothing is wrong"
    return f"{many['wrong']} of {len(findings)} things are wrong"
